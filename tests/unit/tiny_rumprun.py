"""A small image that is laid out as upstream Rumprun's: linked here, of objects made here.

It is never run.  The folders in which its sources are compiled, the libraries and the names of
its symbols are those of upstream's; what they hold is not.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build import GuestImage

__all__ = ["TinyRumprun", "build_tiny_rumprun"]

FUNCTIONS = 30
LIB = "rumprun-x86_64/lib"
BOOT = """
    .section .text
    .globl _start
    .type _start, @function
_start: jmp 1f
    .balign 4
    .long 0x1badb002, 0, -0x1badb002
1:  call rumprun_main1
    hlt
"""


@dataclass(frozen=True)
class TinyRumprun:
    """An image, the folder of what `RUMPRUN_PREFIX` would name, and the program's own map."""

    image: GuestImage
    prefix: Path
    program_map: Path


def _run(folder: Path, *command: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([str(word) for word in command], cwd=folder, check=True, capture_output=True)


def _functions(prefix: str, salt: int = 0) -> str:
    """Return C functions of several lengths, and a variable of the file's own."""
    made = [f"int {prefix}{n}(int x) {{ {'x ^= x << 3; ' * ((n + salt) % 7 + 1)} "
            "return x + own++; }" for n in range(FUNCTIONS)]
    return "\n".join([f"static int own = {len(prefix)};", *made])


def _objects(folder: Path, **sources: str) -> list[Path]:
    """Compile sources in a folder; return the objects."""
    for name, text in sources.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.c").write_text(text + "\n")
        _run(folder, "gcc", "-c", "-g", "-O1", "-ffreestanding", "-fno-pie", "-fno-stack-protector",
             f"{name}.c")
    return [folder / f"{name}.o" for name in sources]


def _archive(path: Path, objects: list[Path]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _run(path.parent, "ar", "rc", path, *objects)


def build_tiny_rumprun(top: Path, program: str = "int table[50];\nint main(void)"
                       "\n{ return table[3] + (int)puts1(1) + (int)sqrt0(2); }",
                       salt: int = 0) -> TinyRumprun:
    """Make one below `top`; another `salt` makes another toolchain."""
    obj, prefix = top / "obj", top / "prefix"
    hw = prefix / LIB / "rumprun-hw"
    mark = 'const char banner[] = "rump kernel bare metal bootstrap";\n'
    _archive(hw / "librump.a", [
        *_objects(obj / "sys/rump/librump/rumpkern", kern_lock=_functions("rumpns_lock", salt),
                  rump_syscalls=_functions("rump___sysimpl_", salt))])
    _archive(hw / "librumpnet_net.a", _objects(
        obj / "sys/rump/net/lib/libnet", tcp_input=_functions("rumpns_tcp_", salt),
        a_name_that_is_longer_than_fifteen=_functions("rumpns_very_", salt)))
    _archive(hw / "libc.a", _objects(obj / "lib/libc", stdio=_functions("puts", salt)))
    _archive(prefix / LIB / "libm.a", _objects(obj / "lib/libm", e_sqrt=_functions("sqrt", salt)))
    (obj / "platform/hw").mkdir(parents=True)
    (obj / "platform/hw/boot.S").write_text(BOOT)
    _run(obj / "platform/hw", "gcc", "-c", "-g", "boot.S")
    joined = [obj / "platform/hw/boot.o",
              *_objects(obj / "platform/hw", intr=_functions("isr")),
              *_objects(obj / "lib/libbmk_core", sched=mark + _functions("bmk_sched_")),
              *_objects(obj / "lib/libbmk_rumpuser", rumpuser=_functions("rumpuser_"))]
    _run(hw, "ld", "-r", "-o", "rumprun.o", *joined)
    return TinyRumprun(_link(top, program, prefix), prefix, top / "program" / "tiny.map")


def _link(top: Path, program: str, prefix: Path) -> GuestImage:
    """Link the program with its library, and then all."""
    folder, hw = top / "program", prefix / LIB / "rumprun-hw"
    [own] = _objects(folder, app=f"int puts1(int), sqrt0(int);\n{program}")
    _run(folder, "ld", "-r", "-Map=tiny.map", "-o", "tiny", own, prefix / LIB / "libm.a")
    _run(folder, "objcopy", "--redefine-sym", "main=rumprun_main1", "tiny", "tmp1.obj")
    path = top / "tiny.elf"
    _run(folder, "ld", "-static", "-nostdlib", "-Ttext-segment=0x100000", "-zmax-page-size=4096",
         f"-Map={top / 'tiny.map'}", "-o", path, hw / "rumprun.o", "tmp1.obj", "--whole-archive",
         hw / "librumpnet_net.a", hw / "librump.a", "--no-whole-archive", hw / "libc.a")
    return GuestImage.from_file(path)
