"""The variables of a guest, by name, with their types: `guest.vars`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import GuestError, LabError, UsageError, meant, nearest_names
from kernel_magics.inspect.images.units import unit_ranges
from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.values.class_types import type_text
from kernel_magics.inspect.values.thread_locals import ThreadVariables
from kernel_magics.inspect.values.typed import TypedObject
from kernel_magics.inspect.values.variable_names import shown_name, split_name

if TYPE_CHECKING:
    import drgn
    import pandas as pd

__all__ = ["GuestVariables"]

SHOWN = 30
_KERNEL_PREFIX = "rumpns_"  # of the rump kernel's names in upstream's images
HEAP_BOOKS = "lab_heap_calls"  # not the program's own: guest.memory.heap.calls
SHOWN_COLUMNS = 100


class GuestVariables:
    """The global and static variables of a guest's program and its runtime.

    `guest.vars["name"]` is a TypedObject over the guest's memory as it is now.  Of several
    variables with one name the program's own is meant; `guest.vars["file.c:name"]` says
    which file's.  Listed and completed are the program's; the runtime's can be asked for.
    """

    def __init__(self, subject: Any) -> None:
        self._subject = subject

    def __getitem__(self, name: str) -> TypedObject:
        import drgn

        file, plain = split_name(name)
        program = program_of(self._subject)
        if not file:
            self._check_kind(plain)
        for candidate in ([file] if file else [*self._own_files(), None]):
            try:
                found = program.variable(plain, candidate)
            except (LookupError, drgn.BadDataError):  # (a _Complex, say: its bytes are told)
                continue
            if file or candidate or not self._is_other(plain, found):
                self._check_linked(plain, found)
                return TypedObject(found)
        if file:
            raise UsageError(f"no variable {plain!r} in {file!r}",
                             next_step=f"guest.vars[{plain!r}] looks in all files")
        if (mine := self._of_a_program_file(plain, program)) is not None:
            return mine
        if plain.startswith(_KERNEL_PREFIX):  # types know such a name as the source has it
            with suppress(UsageError):
                return self[plain.removeprefix(_KERNEL_PREFIX)]
        return self._by_symbol(plain, program)

    def _check_kind(self, name: str) -> None:
        """Raise UsageError for what has a name but is no variable with an address."""
        try:
            symbol = self._subject.image.symbols.find(name)
        except LabError:
            return
        if symbol.kind == "tls":
            raise UsageError(f"{name} is thread-local: each thread has its own",
                             next_step=f'guest.vars.of_thread(2)["{name}"]: the numbers are those '
                                       "of guest.threads",
                             symbol=symbol)
        if symbol.kind == "function":
            raise UsageError(f"{name} is a function, not a variable",
                             next_step=f'image.symbols.find("{name}") tells where', symbol=symbol)

    def _check_linked(self, name: str, found: drgn.Object) -> None:
        """Raise UsageError for a variable that the source has and the image has not."""
        if found.address_ == 0:
            raise UsageError(f"{name} is in the source, but not in {self._subject.image.name}: "
                             "nothing uses it, and the linker left it out",
                             next_step="use it, or declare it with __attribute__((used))")

    def _own_files(self) -> list[str]:
        return [source.filename for source in self._subject.image.sources]

    def _of_a_program_file(self, name: str, program: drgn.Program) -> TypedObject | None:
        """Look in the files that an image was compiled from by its debugging data: one that was
        read from a file or a dump does not know its sources."""
        if self._own_files():
            return None
        image = self._subject.image
        for file in dict.fromkeys(
                unit.source for unit in unit_ranges(ElfFile.read(image.path))
                if (part := image.layers.at(unit.address)) and part.layer == "app"):
            with suppress(LookupError):
                found = program.variable(name, file)
                if not self._is_other(name, found):
                    return TypedObject(found)
        return None

    def _is_other(self, name: str, found: drgn.Object) -> bool:
        """Whether the program or libc has a variable of that name without a known type."""
        try:
            symbol = self._subject.image.symbols.find(name)
        except LabError:
            return False
        return bool(symbol.kind == "object" and symbol.layer in ("app", "libc")
                    and symbol.address != found.address_)

    def _by_symbol(self, name: str, program: drgn.Program) -> TypedObject:
        """Return the bytes of a variable whose type nobody knows, as an array of char."""
        import drgn

        try:
            symbol = self._subject.image.symbols.find(name)
        except UsageError as error:
            raise self._unknown(name, error) from None
        kind = program.array_type(program.int_type("unsigned char", 1, False),
                                  max(symbol.size_bytes, 1))
        return TypedObject(drgn.Object(program, kind, address=symbol.address))

    def _unknown(self, name: str, error: UsageError) -> UsageError:
        if "stripped" in error.message:
            return UsageError(f"{error.message}: no variable is known by name",
                              next_step="guest.memory.read(address, size_bytes) still reads; "
                                        + error.next_step)
        near = nearest_names(name, self._all_names())
        hint = meant(near) or f'look for one: guest.vars.search("*{name[:4]}*", layer=None)'
        return UsageError(f"no variable {name!r} in {self._subject.image.name}", next_step=hint,
                          near=near)

    def _all_names(self) -> set[str]:
        return {shown_name(symbol) for symbol in
                self._subject.image.symbols.search(kind="object")} - {""}

    def search(self, pattern: str = "*", *, layer: str | None = "app") -> list[str]:
        """Return the names of variables that match a glob, a part, or "/a regex/".

        `layer` is whose they are, None for everybody's; see image.symbols.search.
        """
        names = {shown_name(symbol) for symbol in self._subject.image.symbols.search(
            pattern, layer=layer, kind="object")
            if "." not in symbol.name and symbol.name != HEAP_BOOKS}
        return sorted(names - {""})

    def at(self, address: int, type_name: str) -> TypedObject:
        """Return what lies at an address as a type: `guest.vars.at(0x1000, "struct node")`.

        Raises UsageError if the image has no such type.
        """
        import drgn

        program = program_of(self._subject)
        try:
            return TypedObject(drgn.Object(program, program.type(type_name), address=address))
        except (LookupError, SyntaxError):
            raise UsageError(f"this image has no type {type_name!r}",
                             next_step='write it as in C: "struct kern_process"') from None

    def of_thread(self, number: int) -> ThreadVariables:
        """Return the thread-local variables of a thread, by its number in guest.threads.

        Raises UsageError if there is no such thread, or it has none.
        """
        return ThreadVariables(self._subject, number)

    def __contains__(self, name: object) -> bool:
        try:
            self[str(name)]
        except UsageError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.search())

    def _ipython_key_completions_(self) -> list[str]:
        return self.search()

    @property
    def df(self) -> pd.DataFrame:
        """A row per variable of the program: name (index), type, size_bytes, address, value
        as text."""
        import drgn
        import pandas as pd

        rows = [(name, type_text(found.object_.type_), drgn.sizeof(found.object_),
                 found.object_.address_, short_text(found))
                for name, found in self._own()]
        return pd.DataFrame(rows, columns=["name", "type", "size_bytes", "address", "value"]
                            ).set_index("name")

    def _own(self) -> Iterator[tuple[str, TypedObject]]:
        for name in self.search():
            with suppress(LabError):  # one of a type that cannot be read, say
                found = self[name]
                _ = found.object_.type_
                yield name, found

    def __repr__(self) -> str:
        try:
            names = self.search()
        except LabError as error:
            return f"{self._subject.name}: {error.message}"
        if not names:
            return (f"{self._subject.name}: no variables of a program are known; the runtime's "
                    "are: guest.vars.search(layer=None)")
        lines = [f"{self._subject.name}: {len(names)} variables of the program"]
        for name in names[:SHOWN]:
            try:
                lines.append(f"  {name} = {short_text(self[name])}")
            except LabError as error:
                lines.append(f"  {name}: {error.message}")
        if len(names) > SHOWN:
            lines.append(f"  … {len(names) - SHOWN} more: guest.vars.df")
        return "\n".join(lines)


def short_text(found: TypedObject) -> str:
    """Return an object's value on one line, cut to a bound."""
    try:
        text = " ".join(repr(found).split())
    except GuestError as error:
        return error.message
    return text if len(text) <= SHOWN_COLUMNS else f"{text[:SHOWN_COLUMNS - 1]}…"
