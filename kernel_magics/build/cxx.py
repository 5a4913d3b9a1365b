"""C++ for guests: GCC's own C++ library on musl.

Debian has no C++ library made for musl.  GCC's, made for glibc, works there once the few
things that only glibc has are given to it: images/rumpkit/cxx does that.  The only locale is
the C locale.
"""

from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build.toolchain import Toolchain

__all__ = ["C_PARTS", "LanguageParts", "cxx_parts"]

# The library asks for a locale in glibc's layout: support.c answers.
_WRAPPED = ("__newlocale", "__duplocale", "__freelocale")


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
        link_flags=("-Wl,--gc-sections", *(f"-Wl,--wrap={name}" for name in _WRAPPED)),
        # These register the unwinding tables, without which no exception is caught.
        first=(str(chain.gcc_file("crtbeginT.o")),),
        sources=("-x", "c", str(bridge / "support.c")),
        libraries=(str(chain.gcc_file("libstdc++.a")),),
        last=(str(chain.gcc_file("crtend.o")),))
