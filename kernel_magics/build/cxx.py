"""C++ for guests: GCC's own C++ library on musl.

Debian has no C++ library made for musl.  GCC's, made for glibc, works there as far as it
keeps to what both have: containers, strings, algorithms, smart pointers, exceptions, RTTI,
threads.  Streams and locales read glibc's data structures and are refused while compiling.
images/rumpkit/cxx holds the few lines that bridge the two.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build.diagnostics import Diagnostic
from kernel_magics.build.kits import Source
from kernel_magics.build.toolchain import Toolchain

__all__ = ["C_PARTS", "LanguageParts", "cxx_parts", "explain_streams"]

STREAM_HEADERS = ("iostream", "sstream", "fstream", "iomanip", "ostream", "istream", "ios",
                  "streambuf", "locale", "regex", "filesystem", "codecvt", "syncstream",
                  "spanstream", "iosfwd", "random", "complex", "bitset")
_REFUSAL = '#error "guests have no C++ streams'


@dataclass(frozen=True, slots=True)
class LanguageParts:
    """What a language adds to the command that builds an image."""

    include_flags: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


C_PARTS = LanguageParts()


def cxx_parts(chain: Toolchain, runtime_sources: Path) -> LanguageParts:
    """Return what a C++ program needs beside a C one.

    Raises HostError if the compiler's C++ library is not installed.
    """
    bridge = runtime_sources / "cxx"
    folders = [bridge / "include", *chain.cxx_includes()]
    return LanguageParts(
        include_flags=tuple(flag for folder in folders for flag in ("-isystem", str(folder))),
        # Libraries come in large objects: of a program with strings and maps this drops a
        # fifth.  C programs gain nothing, musl has an object per function.
        link_flags=("-Wl,--gc-sections",),
        # These register the unwinding tables, without which no exception is caught.
        first=(str(chain.gcc_file("crtbeginT.o")),),
        sources=("-x", "c", str(bridge / "support.c")),
        libraries=(str(chain.gcc_file("libstdc++.a")),),
        last=(str(chain.gcc_file("crtend.o")),))


def explain_streams(diagnostics: Sequence[Diagnostic],
                    sources: Sequence[Source]) -> list[Diagnostic]:
    """Reduce what follows from using C++ streams to one error at the program's own line."""
    refusals = [one for one in diagnostics if one.message.startswith(_REFUSAL)]
    if not refusals:
        return list(diagnostics)
    message = refusals[0].message.removeprefix('#error "').removesuffix('"')
    own = [Diagnostic(source.filename, source.first_line + index, column, "error", message,
                      text, ((column, end),))
           for source in sources for index, text in enumerate(source.text.splitlines())
           for column, end in _stream_includes(text)]
    return own[:1] or refusals[:1]


def _stream_includes(text: str) -> list[tuple[int, int]]:
    match = re.match(r"\s*#\s*include\s*(<(?:bits/stdc\+\+\.h|\w+)>)", text)
    if not match or match[1][1:-1] not in (*STREAM_HEADERS, "bits/stdc++.h"):
        return []
    return [(match.start(1) + 1, match.end(1) + 1)]
