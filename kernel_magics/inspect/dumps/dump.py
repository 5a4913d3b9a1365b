"""A guest as a file: `guest.dump(path)`, and `lab.open_dump(path)` to look inside later."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kernel_magics.boot import abi
from kernel_magics.boot.guest import FACETS
from kernel_magics.boot.header import GuestHeader, HeaderReader
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import GuestError, ImageError
from kernel_magics.inspect.dumps.core_file import NT_PRSTATUS, CoreFile, unpack_registers
from kernel_magics.places import cache_dir

__all__ = ["Dump", "open_dump"]

NOTE_OWNER = "rumplab-dump"
# gdb takes small numbers for registers, whoever the owner is.
NOTE_FACTS, NOTE_IMAGE, NOTE_CONSOLE = 0x524C0001, 0x524C0002, 0x524C0003
VERSION = 1
MOST_IMAGE_BYTES = 256 << 20
# What needs a guest that runs.
_LIVE_ONLY = frozenset({"debugger", "dump"})


class _Gone:
    """The machine of a dump: there is none any more."""

    exit_code = None
    process = None

    def has_ended(self) -> bool:
        """Always."""
        return True

    def is_paused(self) -> bool:
        """Never."""
        return False


@dataclass(frozen=True)
class _Record:
    """What a registry would say of the guest."""

    header_address: int | None
    kit: str


class Dump:
    """A guest as it was when it was dumped, read-only.

    What looks inside a guest looks inside a dump: `vars`, `drgn`, `processes`, `files`,
    `threads`, `memory`, `panic` …  `state` is the guest's at that time, `registers` its
    processor's (None if nobody could say), `made_at` Unix time, `console_text` the end of
    what it had written.  gdb opens the same file: `gdb_command`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ram = CoreFile(path)
        facts = self._facts()
        self.name = str(facts["name"])
        self.uuid = str(facts.get("uuid", ""))
        self.state = str(facts["state"])
        self.exit_status = facts.get("exit_status")
        self.made_at = float(facts.get("made_at", 0))
        self.spec = dict(facts.get("spec") or {})
        self.registers = unpack_registers(self.ram.note("CORE", NT_PRSTATUS) or b"") or None
        self.machine = _Gone()
        self._image_facts = facts["image"]
        self.record = _Record(self._image_facts.get("header_address"),
                              str(self._image_facts.get("kit") or self.image.kit))

    def _facts(self) -> dict[str, Any]:
        data = self.ram.note(NOTE_OWNER, NOTE_FACTS)
        if data is None:
            raise ImageError(f"{self.path} is a core file of something else: it does not say "
                             "which guest it is", path=self.path,
                             next_step="a dump is made by guest.dump(path)")
        try:
            facts = json.loads(data)
            if facts["version"] != VERSION:
                raise ImageError(f"{self.path} has version {facts['version']}, this lab reads "
                                 f"version {VERSION}", path=self.path,
                                 next_step="open it with the lab that made it")
            facts["name"], facts["state"], facts["image"]["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise ImageError(f"{self.path} is damaged: what it says of itself cannot be read",
                             path=self.path, next_step="make the dump again") from error
        return dict(facts)

    @cached_property
    def image(self) -> GuestImage:
        """The image it was booted from: the file it came from, else the copy in the dump."""
        wanted = str(self._image_facts["sha256"])
        recorded = Path(str(self._image_facts.get("path", "")))
        if _sha256(recorded) == wanted:
            return GuestImage.from_file(recorded, self._image_facts.get("name"))
        kept = cache_dir() / "dumped" / wanted[:32] / f"{Path(self.name).name}.elf"
        if _sha256(kept) != wanted:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(self._embedded())
        return GuestImage.from_file(kept, self._image_facts.get("name"))

    def _embedded(self) -> bytes:
        data = self.ram.note(NOTE_OWNER, NOTE_IMAGE)
        try:
            opened = zlib.decompressobj()
            return opened.decompress(data or b"", MOST_IMAGE_BYTES)
        except zlib.error as error:
            raise ImageError(f"{self.path} is damaged: the image in it cannot be unpacked",
                             path=self.path, next_step="make the dump again") from error

    @property
    def header(self) -> GuestHeader:
        """The guest's lab header; raises GuestError if it had none or it is damaged."""
        address = self._image_facts.get("header_address")
        if not isinstance(address, int):
            raise GuestError(f"{self.name} was no rumpkit guest and kept no lab header",
                             name=self.name, next_step="dump.ram.read still reads its RAM")
        return HeaderReader(self.ram, address).read()

    @property
    def counters(self) -> Any:
        """Calls since boot: a numpy array of uint64, index = event number (abi.Event)."""
        import numpy

        data = self.ram.read(self.header.counters_address, 8 * abi.EVENTS)
        return numpy.frombuffer(data, dtype="<u8").copy()

    @cached_property
    def console_text(self) -> str:
        """The end of what the guest had written to its console."""
        data = self.ram.note(NOTE_OWNER, NOTE_CONSOLE) or b""
        return data.decode("utf-8", "replace")

    @property
    def gdb_command(self) -> str:
        """A command that opens this dump in gdb."""
        return f"gdb {self.image.path} {self.path}"

    def __getattr__(self, name: str) -> Any:
        facet = FACETS.get(name)
        if facet is None or name in _LIVE_ONLY:
            raise AttributeError(f"a dump has no {name!r}")
        value = facet(self)  # type: ignore[arg-type]
        if value is not None:
            self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *FACETS} - _LIVE_ONLY)

    def __repr__(self) -> str:
        return (f"dump of {self.name}: {self.state}, {self.ram.size_bytes >> 20} MiB of RAM, "
                f"{'with' if self.registers else 'without'} registers")


def open_dump(path: str | Path) -> Dump:
    """Open a dump; raises ImageError if the file is none or is damaged."""
    return Dump(Path(path).absolute())


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
