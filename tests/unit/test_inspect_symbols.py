"""inspect/images/symbols.py, layers.py and sizes.py against nm, addr2line and size."""

import re
import subprocess

import pytest
from tiny_guest import build

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics.build import GuestImage
from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import UsageError
from kernel_magics.inspect.images.layers import (
    BOUNDARIES,
    LAYERS,
    layer_of_section,
    layer_of_symbol,
)

PROGRAM = """#include <stdio.h>
#include <stdlib.h>
int table[100];
static int twice(int x) { return 2 * x; }
static inline __attribute__((always_inline)) int deep(int x)
{
  return abs(x) + table[x];
}
__attribute__((noinline)) int outer(int x)
{
  return deep(x) * 3;
}
_Thread_local int mine = 3;
int main(int argc, char **argv)
{
  printf("%d\\n", outer(twice(argc)) + mine);
  return 0;
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("symbols"), PROGRAM)


def tool(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True,
                          check=True).stdout


def test_symbols_are_those_nm_shows(image):
    loaded = {s.name for s in ElfFile.read(image.path).sections if s.is_loaded}
    expected = set()
    for line in tool("nm", "-f", "sysv", image.path).splitlines():
        if line.count("|") != 6 or line.startswith("Name "):
            continue
        name, address, _, _, size, _, section = (part.strip() for part in line.split("|"))
        if section in loaded:
            expected.add((name, int(address, 16), int(size or "0", 16)))
    ours = {(symbol.name, symbol.address, symbol.size_bytes)
            for symbol in image.symbols.search()}
    assert len(expected) > 50
    # nm also lists the names of sections; this index only what a program calls something.
    assert ours == {row for row in expected if not row[0].startswith(".")}


def test_find(image):
    main = image.symbols.find("main")
    assert (main.kind, main.layer) == ("function", "app")
    assert repr(main).startswith("main: function at 0x")
    assert image.symbols.find("table").kind == "object"
    assert image.symbols.find("table").size_bytes == 400
    assert image.symbols.find("printf").layer == "libc"
    assert image.symbols.find("__wrap_main").layer == "arch"
    assert image.symbols.find("mine").kind == "tls"


def test_symbols_are_a_mapping_of_names(image):
    assert image.symbols["main"] == image.symbols.find("main")
    assert "main" in image.symbols and "mian" not in image.symbols
    assert len(list(image.symbols)) == len(image.symbols)
    with pytest.raises(UsageError, match="did you mean main"):
        image.symbols["mian"]


def test_unknown_name_lists_the_nearest(image):
    with pytest.raises(UsageError, match="no symbol 'prntf' in hello") as caught:
        image.symbols.find("prntf")
    assert "printf" in caught.value.near and "did you mean printf" in caught.value.next_step
    with pytest.raises(UsageError) as caught:
        image.symbols.find("zzzzqqqq")
    assert "search" in caught.value.next_step


def test_search(image):
    symbols = image.symbols

    def names(*arguments, **options):
        return {symbol.name for symbol in symbols.search(*arguments, **options)}
    assert names("*printf") >= {"printf", "vfprintf"}
    assert names("printf_c") == {"printf_core"}
    assert names("/^v?f?printf$/") == {"printf", "vfprintf"}
    assert names(re.compile("^oute")) == {"outer"}
    assert names(layer="app", kind="function") == {"main", "outer"}
    assert names("nothing_like_it") == set()
    for bad in ({"layer": "apps"}, {"kind": "func"}, {"pattern": "/(/"}):
        with pytest.raises(UsageError):
            symbols.search(**bad)


def test_at_address(image):
    symbols = image.symbols
    main = symbols.find("main")
    assert symbols.at(main.address) == (main, 0)
    last = main.address + main.size_bytes - 1
    assert symbols.at(last) == (main, main.size_bytes - 1)
    assert symbols.at(0) is None and symbols.at(2**63) is None and symbols.at(2**64 - 1) is None
    after = symbols.at(main.address + main.size_bytes)
    assert after is None or after[0] != main


def test_every_byte_of_sized_functions_is_found_in_one_that_covers_it(image):
    for symbol in image.symbols.search(kind="function"):
        for offset in range(0, symbol.size_bytes, 37):
            found, into = image.symbols.at(symbol.address + offset)
            assert found.address + into == symbol.address + offset
            assert into < found.size_bytes


def test_lines_are_those_of_addr2line(image):
    outer = image.symbols.find("outer")
    seen_inlined = False
    for address in range(outer.address, outer.address + outer.size_bytes):
        said = tool("addr2line", "-i", "-f", "-e", image.path, hex(address)).split("\n")[:-1]
        expected = [(function, place.removeprefix("./").removeprefix("./").split(" ")[0])
                    for function, place in zip(said[::2], said[1::2], strict=True)]
        ours = [(place.function, f"{place.file}:{place.line}")
                for place in image.symbols.lines(address)]
        if not any(place.endswith(":?") or place.endswith(":0") for _, place in expected):
            assert ours == expected
        seen_inlined |= len(ours) > 1
    assert seen_inlined
    assert image.symbols.line(image.symbols.find("main").address) == ("hello.c", 15)
    assert image.symbols.line(image.symbols.find("printf").address) is None
    assert image.symbols.line(3) is None


@pytest.fixture
def bare(image, tmp_path):
    """The stripped copy, outside the cache that knows where its symbols are."""
    path = tmp_path / "hello"
    path.write_bytes(image.stripped_path.read_bytes())
    return GuestImage.from_file(path)


def test_stripped_image_says_so(bare):
    assert len(bare.symbols) == 0 and bare.symbols.search() == []
    assert bare.symbols.at(bare.symbols.elf.entry) is None
    with pytest.raises(UsageError, match="is stripped"):
        bare.symbols.find("main")


def test_table_has_a_row_per_symbol(image):
    table = image.symbols.df
    assert list(table) == ["name", "address", "size_bytes", "layer", "kind", "is_global",
                           "component"]
    assert len(table) == len(image.symbols) == len(image.symbols.search())
    assert table.set_index("name").loc["main", "layer"] == "app"
    assert repr(image.symbols).startswith(f"hello: {len(table)} symbols: app ")


def test_sizes_count_each_loaded_byte_once(image):
    table = image.sizes.by_layer()
    berkeley = tool("size", image.path).splitlines()[1].split()
    thread_bss = sum(section.size for section in ElfFile.read(image.path).sections
                     if section.name == ".tbss")
    assert table["total"].sum() == int(berkeley[3]) - thread_bss == image.sizes.total_bytes
    # `size` counts constants as text and initialised data as data.
    assert table["text"].sum() + table["rodata"].sum() == int(berkeley[0])
    assert list(table) == ["text", "rodata", "data", "bss", "total"]
    assert (table[["text", "rodata", "data", "bss"]].sum(axis=1) == table["total"]).all()
    assert table.loc["app", "bss"] >= 400
    order = [layer.name for layer in LAYERS]
    shown = [name for name in table.index if name in order]
    assert shown == sorted(shown, key=order.index)


def test_sizes_of_a_stripped_image_are_the_same(image, bare):
    assert (bare.sizes.by_layer() == image.sizes.by_layer()).all().all()


def test_sizes_by_symbol(image):
    table = image.sizes.by_symbol()
    assert table["size_bytes"].is_monotonic_decreasing
    assert table.set_index("name").loc["table", "size_bytes"] == 400


def test_bar_has_a_line_per_layer_and_the_total(image):
    lines = image.sizes.bar().splitlines()
    assert len(lines) == len(image.sizes.by_layer()) + 1
    assert lines[0].split()[0] == "app" and lines[-1].split()[:2] == ["in", "RAM"]
    assert max(line.count("█") for line in lines) == 40
    assert image.sizes.bar() in repr(image)


def test_image_layers(image):
    table = image.layers.df
    assert table.loc["libc", "title"] == "C library"
    assert table.loc["app", "symbols"] == len(image.symbols.search(layer="app"))


def test_sections_and_prefixes_say_the_layer():
    assert layer_of_section(".text.vfs") == "vfs"
    assert layer_of_section(".rodata.libc") == "libc"
    assert layer_of_section(".vfs.bss") == "vfs"
    assert layer_of_section(".bmk.rodata.str1.1") == "bmk"
    assert layer_of_section(".text") is None and layer_of_section("") is None
    assert layer_of_section(".note.pvh") is None
    assert layer_of_symbol("rumpuser_malloc") == "rumpuser"
    assert layer_of_symbol("rumpcomp_vm_map") == "rumpuser"
    assert layer_of_symbol("main") == "other"


def test_boundaries_join_layers_and_share_no_counter():
    names = {layer.name for layer in LAYERS}
    counted = [event for boundary in BOUNDARIES for event in boundary.events]
    assert len(counted) == len(set(counted))
    for boundary in BOUNDARIES:
        assert set(boundary.upper) | set(boundary.lower) <= names
        assert boundary.description.endswith(".")


def luminance(colour):
    """Relative luminance of #rrggbb; WCAG 2.1, "relative luminance"."""
    channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_colours_stand_out_on_light_and_dark(layer):
    """WCAG 2.1, 1.4.11: 3:1 for graphics, on JupyterLab's light and dark backgrounds."""
    own = luminance(layer.colour)
    for background in ("#ffffff", "#111111"):
        bright, dark = sorted((own, luminance(background)), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 3
    assert layer.description.endswith(".")


def test_colours_differ():
    assert len({layer.colour for layer in LAYERS}) == len(LAYERS)
