"""Damages an image in a way that a number chooses, and looks at all of it.

    python fuzz_image.py IMAGE FOLDER FIRST COUNT

Run by test_images_damage.py in a process of its own, with little memory: what a damaged file
does to a library in C must not be able to end the tests.  Prints a line for each look that
ends otherwise than with an answer or a LabError.
"""

import random
import resource
import sys
import time
import traceback
from pathlib import Path

from kernel_magics.build import GuestImage
from kernel_magics.build.elf import EHDR, PHDR, ElfFile
from kernel_magics.errors import LabError

MEMORY_BYTES = 2 << 30
LONGEST_S = 20.0
NASTY = (0x00, 0x01, 0x7F, 0x80, 0xFF)


def damage(data: bytes, number: int) -> bytes:
    """Return the image with what `number` chooses cut off or overwritten."""
    choice = random.Random(number)
    elf = ElfFile(data)
    kind = choice.choice(("cut", "headers", "sections", "debug", "debug", "symbols", "anywhere"))
    if kind == "cut":
        return data[:choice.randrange(len(data))]
    start, size, count = 0, len(data), choice.choice((1, 3, 40, 400))
    if kind == "headers":
        size, count = EHDR.size + len(elf.segments) * PHDR.size, choice.randrange(1, 5)
    elif kind == "sections":
        start = len(data) - 64 * len(elf.sections)
        size = len(data) - start
    elif kind in ("debug", "symbols"):
        wanted = (".debug",) if kind == "debug" else (".symtab", ".strtab")
        section = choice.choice([one for one in elf.sections if one.name.startswith(wanted)])
        start, size = section.offset, section.size
    damaged = bytearray(data)
    for _ in range(count):
        damaged[start + choice.randrange(size)] = choice.choice((*NASTY, choice.randrange(256)))
    return bytes(damaged)


def look(path: Path) -> None:
    """Use everything that an image says of itself."""
    import kernel_magics.inspect  # noqa: F401 - gives images their facets

    image = GuestImage.from_file(path)
    looks = (lambda: image.sections.df, lambda: repr(image.segments), lambda: repr(image.notes),
             lambda: repr(image.symbols), lambda: image.symbols.df, lambda: image.sizes.tree,
             lambda: image.sizes.by_section(), lambda: image.link.df, lambda: image.code("main"),
             lambda: image.symbols.find("printf").callers(), lambda: repr(image.code),
             lambda: [image.symbols.lines(one.address) for one in image.symbols.search()[:300]],
             lambda: image.diff(image).changes, lambda: repr(image))
    for one in looks:
        try:
            one()
        except LabError:
            continue


def main(image: str, folder: str, first: str, count: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    data = Path(image).read_bytes()
    for number in range(int(first), int(first) + int(count)):
        path = Path(folder) / f"damaged-{number}.elf"
        path.write_bytes(damage(data, number))
        begun_s = time.process_time()
        try:
            look(path)
        except LabError:
            pass
        except BaseException:
            print(f"{number}: {traceback.format_exc()}")
        if time.process_time() - begun_s > LONGEST_S:
            print(f"{number}: took {time.process_time() - begun_s:.1f} s of CPU")
        path.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
