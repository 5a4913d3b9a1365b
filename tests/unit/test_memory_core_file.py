"""Core files written and read back, and beside readelf; damaged ones."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from kernel_magics.errors import GuestError, ImageError
from kernel_magics.inspect.dumps.core_file import (
    NT_PRSTATUS,
    CoreFile,
    Load,
    Note,
    pack_registers,
    unpack_registers,
    write_core,
)

RAM = random.Random(1).randbytes(5000).ljust(64 << 10, b"\0") + b"end".ljust(4096, b"\0")
HIGH = 4 << 30
REGISTERS = {"rip": 0x101234, "rsp": 0xFFFF800000123456, "rax": 7, "rflags": 0x246}


def read(address: int, size_bytes: int) -> bytes:
    data = RAM if address < HIGH else b"high".ljust(8192, b"\0")
    at = address if address < HIGH else address - HIGH
    return data[at:at + size_bytes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    loads = [Load(0xFFFF800000000000, 0, len(RAM)), Load(0xFFFF800100000000, HIGH, 8192),
             Load(0x1000, 0x1000, 0x2000, 5)]
    with (tmp_path / "core").open("wb") as stream:
        write_core(stream, [Note("CORE", NT_PRSTATUS, pack_registers(REGISTERS, 11)),
                            Note("mine", 0x1234, b"odd")],
                   loads, [(0, len(RAM)), (HIGH, 8192)], read)
    return tmp_path / "core"


def test_memory_comes_back_by_physical_address(path: Path) -> None:
    core = CoreFile(path)
    assert core.read(0, len(RAM)) == RAM and core.read(HIGH, 4) == b"high"
    assert core.read(0x1800, 64) == RAM[0x1800:0x1840]
    assert core.size_bytes == len(RAM) + 8192
    assert bytes(core.mapping[:100]) == RAM[:100]
    for address, size in ((len(RAM) - 1, 2), (HIGH - 1, 1), (-1, 1), (0, -1)):
        with pytest.raises(GuestError, match="not in the dump"):
            core.read(address, size)


def test_changes_of_the_mapping_never_reach_the_file(path: Path) -> None:
    before = path.read_bytes()
    CoreFile(path).mapping[0:4] = b"gone"
    assert path.read_bytes() == before


def test_notes_and_registers_come_back(path: Path) -> None:
    core = CoreFile(path)
    assert core.note("mine", 0x1234) == b"odd" and core.note("mine", 1) is None
    found = unpack_registers(core.note("CORE", NT_PRSTATUS) or b"")
    assert {name: found[name] for name in REGISTERS} == REGISTERS and found["rbx"] == 0
    assert unpack_registers(b"short") == {}


def test_readelf_sees_the_same(path: Path) -> None:
    if not shutil.which("readelf"):
        pytest.skip("no readelf")
    said = subprocess.run(["readelf", "-hlnW", str(path)], capture_output=True, text=True,
                          check=True).stdout
    assert "CORE (Core file)" in said and said.count("LOAD") == 3
    assert "NT_PRSTATUS" in said and "0xffff800000000000 0x0000000000000000" in said


def test_any_damage_is_refused_or_harmless(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    damaged = tmp_path / "damaged"
    chance = random.Random(2)
    for size in (*range(0, 700, 7), len(data) - 1):
        damaged.write_bytes(data[:size])
        with pytest.raises(ImageError):
            CoreFile(damaged)
    for _ in range(400):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 5, 50))):
            changed[chance.randrange(800)] = chance.choice((0, 255, chance.randrange(256)))
        damaged.write_bytes(changed)
        try:
            core = CoreFile(damaged)
            core.read(0, 16)
        except (ImageError, GuestError):
            continue
