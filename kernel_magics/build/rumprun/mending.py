"""What some programs need and upstream does not link: mended in the images that the lab bakes.

Source: lib/librumprun_base of github.com/rumpkernel/rumprun (signals.c, netbsd_initfini.c);
lib/libc/arch/x86_64/gen/setjmp.S, lib/libc/dlfcn and sys/lib/libunwind of NetBSD 7; the manual
of GNU ld (--wrap, --eh-frame-hdr, --defsym).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build.cache import digest
from kernel_magics.build.rumprun.calls import undefined_names
from kernel_magics.build.rumprun.own_objects import OwnParts, made_once, run_in
from kernel_magics.build.rumprun.toolchain import RumprunToolchain
from kernel_magics.errors import BuildError
from kernel_magics.places import images_dir

__all__ = ["MENDS", "Mend", "mends_for", "mending_parts"]

FLAGS = ("-c", "-O2", "-g", "-Wall", "-Wextra")


@dataclass(frozen=True, slots=True)
class Mend:
    """One thing that is mended: by the object of a `source`, linked with `arguments`, if a program
    uses one of the names in `wanted_by`.  `what` is what works with it."""

    what: str
    source: str
    wanted_by: frozenset[str]
    arguments: tuple[str, ...]

    @property
    def object(self) -> str:
        """The file name of what is linked."""
        return f"rumplab-{self.source.removesuffix('.c')}.o"


MENDS = (
    Mend("setjmp", "mend_masks.c",
         frozenset({"__setjmp14", "__longjmp14", "__sigsetjmp14", "__siglongjmp14"}),
         ("-Wl,--wrap=__sigprocmask14",)),
    Mend("C++ exceptions", "mend_unwinding.c", frozenset({"dl_iterate_phdr"}),
         ("-Wl,--eh-frame-hdr", "-Wl,--defsym=rumplab_eh_frame_hdr=ADDR(.eh_frame_hdr)")),
)


def mends_for(programs: Iterable[Path]) -> tuple[Mend, ...]:
    """Return what is to be mended for programs that are not baked yet."""
    used = {name for program in programs for name in undefined_names(program)}
    return tuple(mend for mend in MENDS if mend.wanted_by & used)


def mending_parts(mends: Iterable[Mend], toolchain: RumprunToolchain) -> OwnParts:
    """Return what mends is linked with, compiled once for a toolchain.

    Raises BuildError if the toolchain does not compile it; HostError if the cache cannot be
    written.
    """
    files, tokens = [], []
    for mend in mends:
        place = _made(mend, toolchain)
        files += [place / mend.object, place / _arguments_file(mend)]
        tokens += [mend.object, f"@{_arguments_file(mend)}"]
    return OwnParts(tuple(files), tuple(tokens), digest(*map(str, files)))


def _arguments_file(mend: Mend) -> str:
    return f"{mend.object.removesuffix('.o')}.args"


def _made(mend: Mend, toolchain: RumprunToolchain) -> Path:
    def make(folder: Path) -> None:
        command = [str(toolchain.compiler), *FLAGS, f"-fdebug-prefix-map={folder}=rumplab",
                   "-o", mend.object, mend.source]
        code, output = run_in(folder, command)
        if code:
            raise BuildError(f"what makes {mend.what} work does not compile with this toolchain:\n"
                             f"{output.strip()}", diagnostics=(), log=output, command=command,
                             next_step="is it a Rumprun of 2016, whole? %rumpdoctor examines it")
        # The shell that reads rumprun-bake's words would take the parentheses for its own.
        (folder / _arguments_file(mend)).write_text(
            "".join(f"{word}\n" for word in mend.arguments))

    text = (images_dir() / "rumprun" / mend.source).read_bytes()
    return made_once("rumprun-mended", toolchain, {mend.source: text},
                     (*FLAGS, *mend.arguments), make)
