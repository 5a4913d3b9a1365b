"""What to do about an error whose words do not say it: a header or a function that is missing."""

import re
from collections.abc import Iterable
from pathlib import Path

from kernel_magics.build.diagnostics import Diagnostic

__all__ = ["advice"]

_HEADER = re.compile(r"(\S+): No such file or directory")
_SYMBOL = re.compile(r"undefined (?:function|symbol) `([^`]+)`")
# Headers of glibc that musl leaves out (its FAQ and its include folder).
_GLIBC = frozenset({"argp.h", "error.h", "execinfo.h", "fts.h", "gnu/libc-version.h", "mcheck.h",
                    "obstack.h", "printf.h", "sys/cdefs.h", "sys/queue.h", "sys/tree.h"})
_INCLUDED = 'name the folder that has it: --cflags "-I FOLDER"'
_AS_SHIPPED = "a program that Debian has built already needs none: --package"


def advice(diagnostics: Iterable[Diagnostic], lang: str) -> str:
    """Return the next step for the first error that has one, or "".

    `lang` is the language that the sources were compiled as, "c" or "c++".
    """
    for one in diagnostics:
        if one.severity == "error":
            if found := _HEADER.fullmatch(one.message):
                return _about_header(found[1], lang)
            if found := _SYMBOL.match(one.message):
                return (f"define {found[1]}, correct its name, or name the library that has it: "
                        '--ldflags "-L FOLDER -l LIBRARY"')
    return ""


def _about_header(name: str, lang: str) -> str:
    if lang == "c" and "." not in Path(name).name:
        return f"<{name}> is a header of C++: --lang c++"
    if name in _GLIBC:
        return f"<{name}> is glibc's, and guests are linked with musl, which has none"
    return f"{_INCLUDED}; {_AS_SHIPPED}"
