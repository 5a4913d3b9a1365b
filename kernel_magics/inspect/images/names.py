"""Names of symbols as C++ and Rust wrote them."""

import subprocess
from collections.abc import Sequence

__all__ = ["demangle", "plain_name", "spellings"]

# A hostile name can expand without end: the tool gets little memory and little time, and
# what it answers is cut.  Then the names stay as the linker has them.
LONGEST_MANGLED = 4096
LONGEST_DEMANGLED = 16384
_MEMORY_BYTES, _SECONDS = 128 << 20, 10
_ANONYMOUS, _HIDDEN = "(anonymous namespace)", "{anonymous}"
_PREFIXES = ("_Z", "_R", "___Z")


def demangle(names: Sequence[str]) -> dict[str, str]:
    """Return mangled name → name as in the source, for those of `names` that are mangled.

    Names of C++ (Itanium ABI) and Rust; done by c++filt of binutils, in one run for all.
    """
    mangled = [name for name in dict.fromkeys(names)
               if name.startswith(_PREFIXES) and len(name) <= LONGEST_MANGLED
               and name.isascii() and name.isprintable() and " " not in name]
    if not mangled:
        return {}
    answers = _ask(mangled)
    if len(answers) != len(mangled):
        return {}
    return {name: answer[:LONGEST_DEMANGLED] for name, answer in zip(mangled, answers, strict=True)
            if answer != name}


def _ask(mangled: list[str]) -> list[str]:
    command = ["prlimit", f"--as={_MEMORY_BYTES}", f"--cpu={_SECONDS}", "--core=0", "c++filt"]
    try:
        done = subprocess.run(command, input="\n".join(mangled) + "\n", capture_output=True,
                              text=True, errors="replace", timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


def spellings(name: str) -> set[str]:
    """Return how a user may write a demangled name: whole, without its arguments, and, of a
    template's function, without the type that it returns ("int add<int>(int)": "add<int>")."""
    shown = name.replace(_ANONYMOUS, _HIDDEN)
    start, end = _bounds(shown)
    return {one.replace(_HIDDEN, _ANONYMOUS) for one in (shown, shown[:end], shown[start:end])
            if one}


def plain_name(name: str) -> str:
    """Return a demangled name of a function without its arguments and what it returns."""
    shown = name.replace(_ANONYMOUS, _HIDDEN)
    start, end = _bounds(shown)
    return (shown[start:end] or shown).replace(_HIDDEN, _ANONYMOUS)


def _bounds(name: str) -> tuple[int, int]:
    """Return where a function's name begins and ends in its declaration."""
    depth, start = 0, 0
    for at, letter in enumerate(name):
        is_operator = name[start:at].rstrip("<>-").endswith("operator")
        if letter in "<{" and not (is_operator and letter == "<"):
            depth += 1
        elif letter in ">}" and depth:
            depth -= 1
        elif not depth and letter == " " and not is_operator:
            start = at + 1
        elif not depth and letter == "(" and at > start \
                and not name[start:at].endswith("operator"):
            return start, at
    return start, len(name)
