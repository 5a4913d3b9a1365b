"""The symbols of a large image, indexed and searched, beside `nm` reading the same file."""

import subprocess
import time
from collections.abc import Callable

from kernel_magics import Lab
from kernel_magics.build import GuestImage
from kernel_magics.inspect.images.tables import forget_tables

from .measuring import Report, interleave

__all__ = ["run"]

_FUNCTIONS, _QUICK_FUNCTIONS = 30_000, 3_000
_PADDING_BYTES = 20 << 20


def run(quick: bool) -> Report:
    """Index a 20 MB image with 30 000 functions from nothing; then look again."""
    report = Report("symbol_index", quick)
    functions = _QUICK_FUNCTIONS if quick else _FUNCTIONS
    with Lab(driver="qemu") as lab:
        image = lab.build(_program(functions), name="bench-symbols")
        samples = interleave(3 if quick else 9, nm=lambda: _nm_s(image),
                             first=lambda: _first_s(image), again=lambda: _again_s(image),
                             tree=lambda: _tree_s(image))
    report.note(f"{image.path.stat().st_size / 1e6:.1f} MB, {len(image.symbols)} symbols")
    nm = report.measure("nm, parsed", "s", samples["nm"])
    first = report.measure("first look: index, a name, an address, a line, a search", "s",
                           samples["first"], at_most=1)
    again = report.measure("the same again, of another copy of the image", "s", samples["again"])
    tree = report.measure("sizes by layer, object and symbol", "s", samples["tree"])
    report.ratio("first look / nm", first, nm)
    report.ratio("again / first look", again, first, at_most=1)
    report.ratio("sizes / nm", tree, nm)
    return report


def _program(functions: int) -> str:
    """Functions of a few bytes each, in assembly: a compiler would take minutes."""
    lines = "".join(f".globl f{n}\\n.type f{n},@function\\nf{n}: lea {n}(%rdi),%eax\\nret\\n"
                    f".size f{n},.-f{n}\\n" for n in range(functions))
    return (f'__asm__(".text\\n{lines}");\n'
            '__asm__(".section .debug_padding,\\"\\",@progbits\\n'
            f'.fill {_PADDING_BYTES >> 3},8,1\\n.text");\n'
            "int main(void) { return 0; }\n")


def _timed_s(work: Callable[[], object]) -> float:
    begun_ns = time.monotonic_ns()
    work()
    return (time.monotonic_ns() - begun_ns) / 1e9


def _look(image: GuestImage) -> None:
    copy = GuestImage.from_file(image.path)
    symbols = copy.symbols
    main = symbols.find("main")
    assert symbols.at(main.address) == (main, 0)
    assert symbols.line(main.address) is not None
    assert len(symbols.search("f12*")) > 100


def _first_s(image: GuestImage) -> float:
    forget_tables()
    return _timed_s(lambda: _look(image))


def _again_s(image: GuestImage) -> float:
    return _timed_s(lambda: _look(image))


def _tree_s(image: GuestImage) -> float:
    forget_tables()
    return _timed_s(lambda: GuestImage.from_file(image.path).sizes.tree)


def _nm_s(image: GuestImage) -> float:
    """What somebody without the lab does: run nm and take its lines apart."""
    def read() -> None:
        said = subprocess.run(["nm", "-S", str(image.path)], capture_output=True, text=True,
                              check=True).stdout
        table = {}
        for line in said.splitlines():
            *numbers, _kind, name = line.split()
            table[name] = [int(number, 16) for number in numbers]
        assert "main" in table
    return _timed_s(read)
