"""What code addresses of a trace are called: in the image, and in what its processes ran."""

from typing import TYPE_CHECKING, Any

from kernel_magics.trace.calls.processes import MappedCode, TraceProcesses

if TYPE_CHECKING:
    from kernel_magics.inspect.stacks.code_objects import CodeObject, CodeObjects

__all__ = ["Addresses"]


class Addresses:
    """The code of one trace's guest: its image, and the files that its processes mapped.

    image: the guest's GuestImage, None if it is not at hand: then nothing has a name.
    """

    def __init__(self, image: Any, processes: TraceProcesses) -> None:
        self._image, self._processes = image, processes
        self._objects: dict[tuple[MappedCode, ...], CodeObjects] = {}
        self._names: dict[tuple[int, int], str] = {}

    def code(self, process: int, sequence: int | None = None) -> tuple[MappedCode, ...]:
        """Return what a process had mapped at an event, by default in the end."""
        return self._processes.code(process, sequence)

    def objects(self, code: tuple[MappedCode, ...]) -> "CodeObjects":
        """Return the image's code and some that is mapped beside it."""
        from kernel_magics.inspect.stacks.code_objects import objects_with
        from kernel_magics.inspect.stacks.mapped_files import file_mapped_at

        if code not in self._objects:
            files = [file_mapped_at(self._image, one.path, one.start, one.offset) for one in code]
            self._objects[code] = objects_with(
                self._image, list({(id(one.elf), one.bias): one
                                   for one in files if one is not None}.values()))
        return self._objects[code]

    def symbol(self, address: int, process: int = 0) -> str:
        """Return an address as "main+0x1b", in a file without such a name as
        "libc.so.6+0x1b"; "" if it is no code's and no variable's.

        process: whose memory it is in; 0: it is known only if all that have something there
        have the same.
        """
        if self._image is None or not address:
            return ""
        key = address, process
        if key not in self._names:
            found = self._image.symbols.at(address)
            self._names[key] = _text(*_named(found)) if found is not None \
                else self._in_process(address, process)
        return self._names[key]

    def _in_process(self, address: int, process: int) -> str:
        named = {text for one in ([process] if process else self._processes)
                 if (text := self._mapped(address, one))}
        return named.pop() if len(named) == 1 else ""

    def _mapped(self, address: int, process: int) -> str:
        for code in self._processes.all_code(process):
            if not code:
                continue
            objects = self.objects(code)
            found = objects.at(address) or objects.around(address)
            if found is not None and found.module:
                return self._name_in(found, address)
        return ""

    @staticmethod
    def _name_in(code: "CodeObject", address: int) -> str:
        symbol = code.symbols.at(address - code.bias)
        return _text(*_named(symbol)) if symbol is not None \
            else _text(code.module, address - code.start)


def _named(found: Any) -> tuple[str, int]:
    return found[0].name, found[1]


def _text(name: str, offset: int) -> str:
    return f"{name}+{offset:#x}" if offset else name
