"""Names of the locks in a trace, as guest.locks has them: "mutex accounts[2].lock"."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from kernel_magics.errors import LabError

if TYPE_CHECKING:
    from kernel_magics.inspect.images.lines import LineTable
    from kernel_magics.trace.recording import Recording

__all__ = ["LockName", "LockNames", "names_now"]


class LockName(NamedTuple):
    """What is known of a lock: `kind` "" if only the call tells, `name` "" if nothing does,
    `address` where it begins, which may be before the word that is waited at."""

    kind: str
    name: str
    address: int


class LockNames:
    """Names locks by the types of the variables they are, in the image and in what its
    processes have mapped.

    known: further ones by address, kind and name, as a guest that lives tells them.
    """

    def __init__(self, recording: "Recording",
                 known: Mapping[int, tuple[str, str]] | None = None) -> None:
        self._recording, self._more = recording, dict(known or {})
        self._found: dict[tuple[int, int], LockName] = {}
        self._lines: dict[int, LineTable | None] = {}

    def of(self, address: int, process: int = 0) -> LockName:
        """Return the name of the lock at an address in a process's memory."""
        key = address, process
        if key not in self._found:
            self._found[key] = self._look(address, process)
        return self._found[key]

    def _look(self, address: int, process: int) -> LockName:
        image = self._recording.image
        if image is None:
            return LockName("", "", address)
        found = image.symbols.at(address)
        if found is not None:
            named = self._typed(vars(image).setdefault("_own_elf", _elf_of(image)), found, address)
            if named is not None:
                return named
        else:
            named = self._mapped(address, process)
            if named is not None:
                return named
        for start in (address, address - 4, address - 8):  # the word waited at is inside
            if start in self._more:
                return LockName(*self._more[start], start)
        return LockName("", self._recording.symbol(address, process), address)

    def _mapped(self, address: int, process: int) -> LockName | None:
        for code in self._recording.processes.all_code(process):
            one = self._recording.addresses.objects(code).around(address) if code else None
            if one is not None and one.module:
                found = one.symbols.at(address - one.bias)
                path = getattr(one.symbols, "path_with_lines", None)
                return self._typed(_elf(path), found, address) \
                    if found is not None and path is not None else None
        return None

    def _typed(self, elf: Any, found: Any, address: int) -> LockName | None:
        """Return the lock that a variable of a file has at an offset."""
        from kernel_magics.inspect.images.lines import LineTable
        from kernel_magics.inspect.threads.lock_types import lock_in

        symbol, offset = found
        if elf is None or symbol.kind != "object":
            return None
        if id(elf) not in self._lines:
            self._lines[id(elf)] = LineTable(elf)
        table = self._lines[id(elf)]
        plain = symbol.name.rpartition(".")[0] if symbol.name.rpartition(".")[2].isdigit() \
            else symbol.name
        kind = table.type_of(plain, symbol.address) if table is not None else None
        place = lock_in(kind, offset, plain) if kind is not None else None
        return None if place is None else \
            LockName(place.kind, place.name, address - offset + place.offset)


def _elf_of(image: Any) -> Any:
    return _elf(image.path)


def _elf(path: Any) -> Any:
    from kernel_magics.build.elf import ElfFile

    try:
        return ElfFile.read(path)
    except LabError:
        return None


def names_now(guest: Any) -> dict[int, tuple[str, str]]:
    """Return kind and name of the locks that a guest has names for as it is now: those held
    or waited for, also on the heap, and the runtime's own."""
    if guest is None:
        return {}
    from kernel_magics.inspect.threads.lock_types import runtime_locks

    found = runtime_locks(guest)
    try:
        found |= {one.address: (one.kind, one.name) for one in guest.locks.read() if one.name}
        found |= {one.wait.address: (one.wait.kind, one.wait.name)
                  for one in guest.threads.read() if one.wait and one.wait.name}
    except LabError:
        pass  # it has ended, or its tables are damaged
    return found
