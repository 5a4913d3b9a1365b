"""Thread-local variables of a program that is part of the image: each thread's own.

Source: "ELF Handling For Thread-Local Storage", section 3.4.6, variant II: the block of a
program's own variables ends at the thread pointer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kernel_magics.build.elf import ElfFile, align
from kernel_magics.errors import UsageError
from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.values.typed import TypedObject

__all__ = ["ThreadVariables"]

PT_TLS = 7


class ThreadVariables:
    """The thread-local variables of one thread: `guest.vars.of_thread(5)["errno"]`."""

    def __init__(self, subject: Any, thread: int) -> None:
        """`thread` is its number in guest.threads; raises UsageError if there is none."""
        self._subject = subject
        self.thread = thread
        self._pointer = _thread_pointer(subject, thread)

    def __getitem__(self, name: str) -> TypedObject:
        import drgn

        symbol = self._subject.image.symbols.find(name)
        if symbol.kind != "tls":
            raise UsageError(f"{name} is no thread-local variable, all threads share it",
                             next_step=f'look at it with guest.vars["{name}"]', symbol=symbol)
        program = program_of(self._subject)
        try:
            with _quiet_drgn():  # it says that it cannot tell where they are
                kind = program.variable(name).type_
        except LookupError:
            kind = program.array_type(program.int_type("unsigned char", 1, False),
                                      max(symbol.size_bytes, 1))
        address = self._pointer - _block_bytes(self._subject) + symbol.address
        return TypedObject(drgn.Object(program, kind, address=address))

    def names(self) -> list[str]:
        """Return the names of the program's thread-local variables."""
        return sorted({symbol.name for symbol in
                       self._subject.image.symbols.search("*", kind="tls")})

    def __iter__(self) -> Any:
        return iter(self.names())

    def _ipython_key_completions_(self) -> list[str]:
        return self.names()

    def __repr__(self) -> str:
        lines = [f"thread {self.thread}: {len(self.names())} thread-local variables"]
        return "\n".join([*lines, *(f"  {name} = {self[name]!r}" for name in self.names())])


@contextmanager
def _quiet_drgn() -> Iterator[None]:
    log = logging.getLogger("drgn")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _thread_pointer(subject: Any, number: int) -> int:
    """Return fs_base of a thread: the register's if it runs, else what was saved."""
    threads = subject.threads.read()
    thread = next((one for one in threads if one.number == number), None)
    if thread is None:
        raise UsageError(f"there is no thread {number}",
                         next_step=f"there are {', '.join(str(one.number) for one in threads)}")
    registers = dict(getattr(subject, "registers", None) or {})
    pointer = registers.get("fs_base", 0) if thread.state == "running" else 0
    pointer = pointer or thread.record.fs_base
    if not pointer and thread.state == "running" and thread.process:
        raise UsageError(f"thread {number} is running, and where its own variables are is in a "
                         "register", next_step="stop it first: guest.pause()")
    if not pointer:
        raise UsageError(f"thread {number} is the runtime's and has no variables of its own",
                         next_step="ask for a thread of the program")
    return int(pointer)


def _block_bytes(subject: Any) -> int:
    for segment in ElfFile.read(subject.image.path).segments:
        if segment.type == PT_TLS:
            return align(segment.memory_bytes, max(segment.alignment, 1))
    return 0
