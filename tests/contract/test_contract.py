"""Every clause of the hypercall contract, on bare metal under QEMU and in a process."""

import re
import subprocess
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.boot.devices.disks import Disk
from kernel_magics.places import images_dir

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.c"))
CONTRACT = images_dir() / "rumpkit" / "rumpuser" / "CONTRACT.md"
NEEDS_A_BROKEN_DISK = {"B8"}   # tests/guest/test_device_disk.py
# The layers below the seam: what a host of rumpuser is made of here.
HOST_LAYERS = ("arch", "bmk", "rumpuser", "lib")
COMPILE = [
    "gcc", "-std=gnu11", "-O2", "-g", "-ffreestanding", "-fno-pic", "-mno-red-zone",
    "-mgeneral-regs-only", "-fno-omit-frame-pointer", "-fno-stack-protector",
    "-fcf-protection=none", "-Wall", "-Wextra", "-Werror", "-nostdinc",
]


def build(out: Path) -> Path:
    """Link the cases with the host layers into a guest image; return its path."""
    runtime = images_dir() / "rumpkit"
    layers = [out / f"{layer}.o" for layer in HOST_LAYERS]
    subprocess.run(["make", "-s", "-j2", "-C", runtime, f"OUT={out}", *layers], check=True,
                   stdout=subprocess.DEVNULL)
    headers = subprocess.check_output(["gcc", "-print-file-name=include"], text=True).strip()
    objects = []
    for source in (*CASES, HERE / "hosts" / "bare_metal.c"):
        objects.append(out / f"case_{source.stem}.o")
        subprocess.run(
            [*COMPILE, "-isystem", headers, f"-I{runtime / 'include'}", f"-I{HERE}",
             "-c", source, "-o", objects[-1]],
            check=True,
        )
    image = out / "contract.elf"
    subprocess.run(
        ["gcc", "-static", "-no-pie", "-nostdlib", f"-Wl,-T,{runtime / 'link.ld'}", "-o", image,
         *objects, *layers],
        check=True,
    )
    return image


def disk(path: Path, **properties: bool) -> Disk:
    """Make an image of one MiB, in which each sector begins with its number."""
    path.write_bytes(b"".join(number.to_bytes(512, "little") for number in range(2048)))
    return Disk(path, **properties)


def build_for_a_process(out: Path) -> Path:
    """Link the same cases with a host of POSIX threads and files; return the program."""
    program = out / "contract"
    subprocess.run(
        ["gcc", "-std=gnu11", "-g", "-O1", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all", "-fno-builtin", "-Wall", "-Wextra", "-Werror",
         f"-I{images_dir() / 'rumpkit' / 'include'}", f"-I{HERE}",
         *CASES, *sorted((HERE / "hosts" / "process").glob("*.c")), "-o", program, "-lpthread"],
        check=True)
    return program


def names() -> set[str]:
    """Return the cases' names; each begins with its clause's number."""
    return {name for source in CASES
            for name in re.findall(r'\{ "([A-Z]\d+ [^"]+)"', source.read_text())}


def kept(text: str) -> set[str]:
    return {line[3:] for line in text.splitlines() if line.startswith("ok ")}


def test_each_clause_has_a_case():
    clauses = set(re.findall(r"^\| ([A-Z]\d+) \|", CONTRACT.read_text(), re.MULTILINE))
    assert {name.split()[0] for name in names()} == clauses - NEEDS_A_BROKEN_DISK


@pytest.mark.guest
def test_bare_metal_keeps_every_clause(lab, tmp_path):
    disks = [disk(tmp_path / "disk.img"), disk(tmp_path / "fixed.img", read_only=True)]
    guest = lab.boot(build(tmp_path), name="contract", memory_mib=32, disks=disks)
    status = guest.wait(timeout=120)
    assert kept(guest.console.text) == names(), guest.console.text
    assert status == 0, guest.console.text


def test_a_process_keeps_every_clause(tmp_path):
    need("compiler")
    disks = [disk(tmp_path / name).path for name in ("disk.img", "fixed.img")]
    done = subprocess.run([build_for_a_process(tmp_path), *disks], capture_output=True, text=True,
                          timeout=120)
    assert kept(done.stdout) == names(), done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
