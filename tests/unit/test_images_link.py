"""The linker's map, the link's record, sizes as a tree, and two images compared."""

import re
import subprocess

import pytest
from tiny_guest import build

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics.build.linkmap import parse_map, read_objects, write_objects
from kernel_magics.errors import ImageError, UsageError
from kernel_magics.inspect.images.size_leaves import PADDING, STRINGS

PROGRAM = """#include <stdio.h>
int table[9];
__attribute__((noinline)) int twice(int x) { return 2 * x; }
__attribute__((noinline)) int same(int x) { return x + table[1]; }
int main(int argc, char **argv)
{
  printf("hi %d\\n", twice(argc) + same(argc));
  return 0;
}
"""
OTHER = PROGRAM.replace("2 * x", "3 * x").replace("[9]", "[900]").replace(
    "return 0;", 'return puts("a longer text");')


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("link"), PROGRAM)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return build(tmp_path_factory.mktemp("other"), OTHER, "other")


MAP = """Archive member included to satisfy reference by file (symbol)

/lib/libc.a(printf.lo)        /tmp/ccAAAAAA.o (printf)
/lib/a folder/libc.a(a_very_long_member_name.lo)
                              /lib/libc.a(printf.lo) (f(int, char const*))

Discarded input sections

 .data          0x0000000000000000        0x8 /lib/crt1.o

Memory Configuration

Linker script and memory map

LOAD /lib/crt1.o
LOAD /tmp/ccAAAAAA.o

.text.app       0x0000000000101000      0x130
 *(.text .text.*)
 .text          0x0000000000101000       0x20 /tmp/ccAAAAAA.o
                0x0000000000101000                main
 *fill*         0x0000000000101020       0x10\x20
 .text.of_a_long_name
                0x0000000000101030      0x100 /lib/a folder/libc.a(x.lo)
                                        0x200 (size before relaxing)
 .text.empty    0x0000000000101130        0x0 /lib/crt1.o

.a.very.long.output.section
                0x0000000000102000       0x10
 COMMON         0x0000000000102000       0x10 /lib/crt1.o
"""


def test_a_map_is_read_piece_by_piece():
    made = parse_map(MAP)
    assert [(one.output, one.section, one.address, one.size_bytes, one.object)
            for one in made.pieces] == [
        (".text.app", ".text", 0x101000, 0x20, "/tmp/ccAAAAAA.o"),
        (".text.app", "*fill*", 0x101020, 0x10, ""),
        (".text.app", ".text.of_a_long_name", 0x101030, 0x100, "/lib/a folder/libc.a(x.lo)"),
        (".a.very.long.output.section", "COMMON", 0x102000, 0x10, "/lib/crt1.o")]
    assert made.reasons == {
        "/lib/libc.a(printf.lo)": ("/tmp/ccAAAAAA.o", "printf"),
        "/lib/a folder/libc.a(a_very_long_member_name.lo)":
            ("/lib/libc.a(printf.lo)", "f(int, char const*)")}
    assert made.loaded == ("/lib/crt1.o", "/tmp/ccAAAAAA.o")


@pytest.mark.parametrize("text", ["", "nonsense\n", MAP[:300], MAP[200:], MAP.replace("0x", "zz"),
                                  "\n" * 1000, "Linker script and memory map\n.text 0x"])
def test_a_damaged_map_says_less(text):
    made = parse_map(text)
    assert len(made.pieces) <= 4


def test_objects_of_the_runtime_are_kept_and_read(tmp_path):
    (tmp_path / "vfs.o.map").write_text(MAP.replace(".text.app", ".text"))
    write_objects([("vfs", tmp_path / "vfs.o.map")], tmp_path / "objects")
    assert read_objects(tmp_path / "objects")[".vfs.text"][0] == (0x101000, 0x20,
                                                                 "vfs//tmp/ccAAAAAA.o")
    (tmp_path / "objects").write_text("what\n")
    with pytest.raises(ImageError, match="no record"):
        read_objects(tmp_path / "objects")


def test_pieces_lie_where_nm_has_the_members_symbols(image):
    names = subprocess.run(["nm", "-A", "--defined-only", *re.findall(
        r"^LOAD (.*libc\.a)$", image.link.path.read_text(), re.MULTILINE)],
        capture_output=True, text=True, check=False).stdout
    homes = {}
    for line in names.splitlines():
        if match := re.match(r".*libc\.a:(\S+?):\S+ [A-Za-z] (\S+)$", line):
            homes.setdefault(match[2], set()).add(match[1])
    checked = 0
    for symbol in image.symbols.search(layer="libc", kind="function", min_bytes=1):
        if symbol.name in homes and symbol.object.startswith("libc.a("):
            assert symbol.object[7:-1] in homes[symbol.name]
            checked += 1
    assert checked > 20
    assert image.symbols.find("main").object == "hello.c"


def test_why_an_object_was_linked(image):
    why = image.link.why("vfprintf.lo")
    assert why[-1][1:] == ("hello.c", "printf")
    assert image.link.why("vfprintf") == why == image.link.why("libc.a(vfprintf.lo)")
    assert "for printf, which hello.c uses" in repr(why)
    assert list(why.df) == ["object", "wanted_by", "for_symbol"]
    assert "given to the linker itself" in repr(image.link.why("main"))
    with pytest.raises(UsageError, match="did you mean printf"):
        image.link.why("printt")


def test_an_image_without_a_map_says_so(image, tmp_path):
    from kernel_magics.build import GuestImage

    path = tmp_path / "alone.elf"
    path.write_bytes(image.path.read_bytes())
    alone = GuestImage.from_file(path)
    assert "no linker map" in repr(alone.link) and not alone.link.is_exact
    assert alone.sizes.tree.size_bytes == alone.sizes.total_bytes
    # The debugging data knows what its code was compiled from, and nothing of musl's.
    assert alone.symbols.find("main").object == "hello.c"
    assert alone.symbols.find("table").object == alone.symbols.find("vfprintf").object == ""
    own = alone.sizes.tree["app"]["hello.c"]
    assert {node.name for node in own} >= {"main", "twice", "same"}
    path.with_suffix(".map").write_text(MAP)
    assert "map of another link" in repr(GuestImage.from_file(path).link)


def test_every_byte_has_one_leaf(image):
    sizes = image.sizes
    assert sum(leaf.size_bytes for leaf in sizes.leaves) == sizes.total_bytes
    by_layer = sizes.by_layer()["total"]
    assert {node.name: node.size_bytes for node in sizes.tree} == \
        {name: size for name, size in by_layer.items() if size}
    own = {leaf.symbol: leaf.size_bytes for leaf in sizes.leaves
           if leaf.layer == "app" and leaf.object == "hello.c"}
    assert own.pop(STRINGS) == len("hi %d\n") + 1
    assert own.pop(PADDING, 0) < 64
    assert own == {name: image.symbols.find(name).size_bytes
                   for name in ("main", "twice", "same", "table")}


def test_tables_of_sizes_add_up(image):
    total = image.sizes.total_bytes
    assert image.sizes.by_object()["total"].sum() == total
    assert image.sizes.by_archive()["total"].sum() == total
    files = image.sizes.by_section()
    assert files["file_bytes"].sum() == image.path.stat().st_size
    assert files["ram_bytes"].sum() == total
    assert (files["file_bytes"] >= 0).all()


def test_the_tree_can_be_walked_and_shown(image):
    tree = image.sizes.tree
    assert tree["libc"]["libc.a"]["vfprintf.lo"]["printf_core"].level == "symbol"
    with pytest.raises(KeyError, match="no part 'lbc'"):
        tree["lbc"]
    assert repr(tree.view(1, 99)).count("\n") == len(tree.children)
    assert "more" in repr(tree["libc"].view(2, 2))
    assert tree.df["size_bytes"].max() <= tree.size_bytes == tree.to_dict()["size_bytes"]
    for path, node in tree.walk():
        assert not node.children or sum(c.size_bytes for c in node) == node.size_bytes, path


def test_diff_names_what_was_added_grown_and_rewritten(image, other):
    diff = image.diff(other)
    assert diff.delta_bytes == other.sizes.total_bytes - image.sizes.total_bytes
    changes = {one.symbol: one for one in diff.changes}
    assert changes["table"].delta_bytes == 891 * 4 and changes["table"].status == "grown"
    assert changes["puts"].status == "added" and changes["puts"].object == "libc.a(puts.lo)"
    assert "same" not in changes
    assert sum(one.delta_bytes for one in diff.changes) == diff.delta_bytes
    for level in ("layer", "object"):
        assert diff.table(level)["delta_bytes"].sum() == diff.delta_bytes
    assert {"main", "twice"} <= set(diff.rewritten) and "same" not in diff.rewritten
    assert "printf" not in diff.rewritten


def test_diff_the_other_way_and_with_itself(image, other):
    back = {one.symbol: one.status for one in other.diff(image).changes}
    assert back["puts"] == "removed" and back["table"] == "shrunk"
    same = image.diff(image)
    assert same.is_same and same.changes == [] and "the same image" in repr(same)
    with pytest.raises(UsageError, match="another image"):
        image.diff("other")
    with pytest.raises(UsageError, match="no such level"):
        same.by("file")


def test_diff_of_a_functions_code(image, other):
    code = image.diff(other).code("twice")
    assert any(line.startswith("-") for line in code.lines)
    assert any(line.startswith("+") for line in code.lines)
    assert "the same" in repr(image.diff(other).code("same"))
    with pytest.raises(UsageError, match="did you mean twice"):
        image.diff(other).code("twise")
