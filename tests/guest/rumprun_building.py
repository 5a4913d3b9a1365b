"""What the tests of building with an installed Rumprun share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.build.rumprun import find_rumprun
from kernel_magics.lab import Lab

__all__ = ["EMPTY", "build", "said", "toolchain_lab", "without", "write"]

EMPTY = "int main(void) { return 0; }"


def toolchain_lab() -> Callable[[], Iterator[Lab]]:
    """Return a fixture for a module's name `lab`: one Lab for all its tests, with a toolchain."""

    @pytest.fixture(scope="module")
    def shared_lab():
        need("qemu", "rumprun")
        with Lab(driver="qemu") as lab:
            yield lab

    return shared_lab


def build(lab, what, name="built", **options):
    """Return an image of the kit rumprun."""
    return lab.build(what, name, kit="rumprun", **options)


def said(lab, image, **options):
    """Boot an image; return the lines of its console."""
    guest = lab.boot(image, memory_mib=64, **options)
    guest.wait(60)
    return guest.console.text.replace("\r", "").splitlines()


def write(folder: Path, **files: str) -> Path:
    """Write files by name, "__" for a dot; return the folder."""
    for name, text in files.items():
        place = folder / name.replace("__", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


def without(left_out: str, place: Path) -> Path:
    """Make a toolchain of links to the installed one, one file left out; return its prefix."""
    whole, folder = find_rumprun().prefix, Path()
    for part in Path(left_out).parts:
        (place / folder).mkdir(parents=True)
        for path in (whole / folder).iterdir():
            if path.name != part:
                (place / folder / path.name).symlink_to(path)
        folder /= part
    return place
