"""The Linux guest's modules: what its kernel has of the devices both guests are given."""

from functools import cache
from pathlib import Path

from elftools.elf.elffile import ELFFile

from kernel_magics.errors import HostError

from .linux_kernel import linux_image

__all__ = ["linux_modules"]


def linux_modules(package: str, *names: str) -> dict[str, bytes]:
    """Return a kernel package's modules and all that they need as files of an archive, in
    the order in which they can be loaded: {"modules/00-NAME.ko": content}.

    Raises HostError if the kernel's package has no such module.
    """
    ordered: list[str] = []
    for name in names:
        _add(package, name, ordered)
    return {f"modules/{number:02}-{name}.ko": _found(package)[name].read_bytes()
            for number, name in enumerate(ordered)}


def _add(package: str, name: str, ordered: list[str]) -> None:
    """Append a module after the modules it depends on."""
    if name in ordered:
        return
    if name not in _found(package):
        raise HostError(f"{linux_image(package).name} has no module {name}",
                        next_step="compare with the kernel's configuration in its package")
    for needed in _depends(_found(package)[name]):
        _add(package, needed, ordered)
    ordered.append(name)


@cache
def _found(package: str) -> dict[str, Path]:
    folder = linux_image(package).parents[1] / "lib" / "modules"
    return {path.stem.replace("-", "_"): path for path in folder.rglob("*.ko")}


def _depends(module: Path) -> list[str]:
    """Return what a module's own description says it needs; its .modinfo section."""
    with module.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".modinfo")
        fields = section.data().split(b"\0") if section else []
    return [name.replace("-", "_") for field in fields if field.startswith(b"depends=")
            for name in field[8:].decode().split(",") if name]
