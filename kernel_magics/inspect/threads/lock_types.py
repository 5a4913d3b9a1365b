"""What lies at an address by its type: a lock of the C library, in which variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kernel_magics.errors import LabError
from kernel_magics.inspect.memory.program import program_of

if TYPE_CHECKING:
    import drgn

__all__ = ["LOCK_TYPES", "LockPlace", "lock_in", "runtime_locks"]

LOCK_TYPES = {"pthread_mutex_t": "mutex", "mtx_t": "mutex", "pthread_rwlock_t": "rwlock",
              "pthread_cond_t": "condition", "cnd_t": "condition", "sem_t": "semaphore",
              "pthread_barrier_t": "barrier", "pthread_once_t": "once", "std::mutex": "mutex"}
# Pointers to these among the runtime's variables are locks that have a name.
_RUNTIME = {"struct rumpuser_mtx": "mutex", "struct rumpuser_rw": "rwlock",
            "struct rumpuser_cv": "condition"}
MOST_DEPTH = 12
MOST_VARIABLES = 20_000
_POINTER_BYTES = 8


class LockPlace(NamedTuple):
    """A lock's kind, what it is called, and where in its variable it begins."""

    kind: str
    name: str
    offset: int


def lock_in(kind: drgn.Type, offset: int, name: str) -> LockPlace | None:
    """Return the lock of which a variable's byte at an offset is part, None if of none."""
    import drgn

    start = 0
    for _ in range(MOST_DEPTH):
        while kind.kind == drgn.TypeKind.TYPEDEF:
            if kind.name in LOCK_TYPES:
                return LockPlace(LOCK_TYPES[kind.name], name, start)
            kind = kind.type
        if kind.kind == drgn.TypeKind.ARRAY and kind.length:
            size = drgn.sizeof(kind.type)
            index = (offset - start) // size if size else 0
            if not size or index >= kind.length:
                return None
            kind, start, name = kind.type, start + index * size, f"{name}[{index}]"
        elif kind.kind in (drgn.TypeKind.STRUCT, drgn.TypeKind.CLASS):
            member = next((one for one in reversed(kind.members or ())
                           if one.bit_field_size is None
                           and start + one.bit_offset // 8 <= offset), None)
            if member is None:
                return None
            kind, start = member.type, start + member.bit_offset // 8
            name = f"{name}.{member.name}" if member.name else name
        else:
            return None
    return None


def runtime_locks(subject: Any) -> dict[int, tuple[str, str]]:
    """Return kind and name of the runtime's own locks that a variable leads to, by address,
    and of the condition each thread of a program sleeps on.

    {} of an image without debugging information, or of another kit's.
    """
    import drgn

    found: dict[int, tuple[str, str]] = {}
    try:
        program = program_of(subject)
        symbols = [one for one in subject.image.symbols.search(kind="object")
                   if one.layer not in ("app", "libc") and one.size_bytes == _POINTER_BYTES]
        for symbol in symbols[:MOST_VARIABLES]:
            kind = _pointed(program, symbol.name)
            if kind is not None and (address := _value(program, symbol.address)):
                found[address] = kind, symbol.name
        for thread in subject.threads.read():
            owner = getattr(thread.record, "owner", 0)
            if owner:
                own = drgn.Object(program, "struct kern_thread *", value=owner)
                found[int(own.cv)] = "condition", f"{thread.named}'s own"
    except (LookupError, ValueError, AttributeError, LabError, drgn.FaultError):
        pass  # what was found until then counts
    return found


def _pointed(program: drgn.Program, name: str) -> str | None:
    import drgn

    try:
        kind = program.variable(name).type_.unaliased()
    except LookupError:
        return None
    if kind.kind != drgn.TypeKind.POINTER:
        return None
    return _RUNTIME.get(kind.type.type_name())


def _value(program: drgn.Program, address: int) -> int:
    return int(program.read_u64(address))
