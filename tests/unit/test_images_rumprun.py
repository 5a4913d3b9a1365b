"""Images of upstream Rumprun: the layer and the component of each byte, by all that can tell."""

import itertools
import random
import shutil
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_rumprun import build_tiny_rumprun

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics.build import GuestImage
from kernel_magics.build.baked import Baked, BakedProgram, BakeRecipe
from kernel_magics.build.rumprun.toolchain import PARTS, PLATFORM_PARTS, TUPLE
from kernel_magics.errors import UsageError
from kernel_magics.inspect.images.layer_facets import uncounted
from kernel_magics.inspect.images.layer_models import RUMPKIT_LAYERS, model_of
from kernel_magics.inspect.images.layers import LAYERS, OTHER
from kernel_magics.inspect.images.rumprun_components import (
    archive_of_source,
    component_of,
    layer_of_component,
    layer_of_name,
)
from kernel_magics.inspect.images.rumprun_layers import RUMPRUN_BOUNDARIES, RUMPRUN_LAYERS
from kernel_magics.trace.kits.comparison import KitComparison

EXPECTED = {"rumpns_tcp_3": ("net", "rumpnet_net"), "rumpns_very_3": ("net", "rumpnet_net"),
            "rumpns_lock3": ("kern", "rump"), "rump___sysimpl_3": ("sys", "rump"),
            "puts1": ("libc", "libc"), "sqrt0": ("libc", "libm"), "isr3": ("arch", "hw"),
            "bmk_sched_3": ("bmk", "libbmk_core"), "rumpuser_3": ("rumpuser", "libbmk_rumpuser"),
            "rumprun_main1": ("app", ""), "table": ("app", "")}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build_tiny_rumprun(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def no_toolchain(monkeypatch, tmp_path):
    monkeypatch.setenv("RUMPRUN_PREFIX", str(tmp_path / "none"))


@pytest.fixture
def toolchain(monkeypatch, tiny):
    """What is needed for the lab to take the tiny libraries for those of a toolchain."""
    for part in (f"bin/{TUPLE}-gcc", "libexec/cc", *PARTS, *PLATFORM_PARTS):
        if not (tiny.prefix / part).exists():
            (tiny.prefix / part).parent.mkdir(parents=True, exist_ok=True)
            (tiny.prefix / part).write_text("")
    monkeypatch.setenv("RUMPRUN_PREFIX", str(tiny.prefix))


def alone(image, folder, *flags):
    """A copy of an image without its map, and perhaps without more."""
    path = folder / "alone.elf"
    if flags:
        subprocess.run(["strip", *flags, "-o", path, image.path], check=True)
    else:
        shutil.copyfile(image.path, path)
    return GuestImage.from_file(path)


def found(image, names=EXPECTED):
    return {name: (image.symbols[name].layer, image.symbols[name].component) for name in names}


def check_sums(image):
    """Each loaded byte is counted once, as `size -A` counts them."""
    text = subprocess.run(["size", "-A", image.path], capture_output=True, text=True, check=True)
    loaded = sum(int(words[1]) for line in text.stdout.splitlines()[2:]
                 if len(words := line.split()) == 3 and int(words[2]))
    assert sum(leaf.size_bytes for leaf in image.sizes.leaves) == loaded
    assert image.sizes.total_bytes == image.sizes.tree.size_bytes == loaded
    assert image.sizes.by_component()["total"].sum() == loaded


def test_the_linkers_map_says_the_layer_and_the_component(tiny, no_toolchain):
    assert tiny.image.kit == "rumprun" and tiny.image.link.is_exact
    assert found(tiny.image) == EXPECTED
    check_sums(tiny.image)
    assert tiny.image.symbols["rumpns_tcp_3"].object == "librumpnet_net.a(tcp_input.o)"
    assert "layer net (rumpnet_net)" in repr(tiny.image.symbols["rumpns_tcp_3"])
    table = tiny.image.symbols.df.set_index("name")
    assert tuple(table.loc["puts1", ["layer", "component"]]) == ("libc", "libc")


def test_what_was_joined_before_is_divided(tiny, no_toolchain):
    """Of rumprun.o and of the program, the debugging data says what is whose."""
    tree = tiny.image.sizes.tree
    assert {"intr.c", "boot.S"} <= {node.name for node in tree["arch"]["hw"]}
    assert tree["bmk"]["libbmk_core.a"]["sched.c"].size_bytes > 100
    assert "e_sqrt.c" in {node.name for node in tree["libc"]["libm.a"]}
    # Of three files' own variables of one name, each is in its own.
    owners = Counter(symbol.component for symbol in tiny.image.symbols.search("own"))
    assert owners["libbmk_core"] == owners["libbmk_rumpuser"] == owners["hw"] == 1


def test_a_programs_own_map_is_exact(tiny, no_toolchain):
    program = BakedProgram("tiny", tiny.image.path, tiny.program_map)
    recipe = BakeRecipe("x86_64", Path(), Path(), "")
    baked = Baked("hw_virtio", (), (), (program,), False, recipe, "", ())
    image = replace(tiny.image, baked=baked, name="with")
    assert found(image) == EXPECTED
    check_sums(image)
    assert image.symbols["table"].object == "app.o"
    assert image.symbols["sqrt0"].object == "libm.a(e_sqrt.o)"
    assert repr(image.link.why("sqrt0")) == "libm.a(e_sqrt.o) for sqrt0, which tiny uses"
    assert "all of its library is linked" in repr(image.link.why("rumpns_tcp_3"))
    tiny.program_map.with_name("bad.map").write_text("Linker script and memory map\n\n .text 0x0")
    for wrong in ("bad.map", "none.map"):
        program = BakedProgram("tiny", tiny.image.path, tiny.program_map.with_name(wrong))
        image = replace(tiny.image, baked=replace(baked, programs=(program,)), name=wrong)
        assert found(image)["sqrt0"] == ("libc", "libm")


def test_the_libraries_of_a_toolchain_place_objects_without_a_map(tiny, toolchain, tmp_path):
    image = alone(tiny.image, tmp_path, "--strip-debug")
    assert found(image) == EXPECTED
    assert "say what its parts are" in repr(image.link)
    assert image.symbols["rumpns_tcp_3"].object == "librumpnet_net.a(tcp_input.o)"
    assert image.symbols["rumpns_very_3"].object.endswith("a_name_that_is_longer_than_fifteen.o)")
    check_sums(image)
    exact = tiny.image.link
    for piece in image.link.pieces:
        if piece.archive.startswith("librump"):
            there = exact.at(piece.address)
            assert (there.archive, there.object) == (piece.archive, piece.object)


def test_another_toolchain_is_not_believed(tiny, toolchain, tmp_path, monkeypatch):
    """Its functions are called the same, and lie elsewhere in its objects."""
    other = build_tiny_rumprun(tmp_path / "other", salt=3)
    for path in tiny.prefix.rglob("*"):    # what the fixture made, and the other has not
        there = other.prefix / path.relative_to(tiny.prefix)
        if path.is_file() and not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, there)
    monkeypatch.setenv("RUMPRUN_PREFIX", str(other.prefix))
    assert "the debugging data" in repr(alone(tiny.image, tmp_path).link)


def test_without_map_and_toolchain_the_debugging_data_tells(tiny, no_toolchain, tmp_path):
    image = alone(tiny.image, tmp_path)
    code = {name: place for name, place in EXPECTED.items() if name != "table"}
    assert found(image, code) == code
    assert "debugging data" in repr(image.link)
    check_sums(image)


def test_names_alone_tell_the_layer(tiny, no_toolchain, tmp_path):
    image = alone(tiny.image, tmp_path, "--strip-debug")
    layers = {name: image.symbols[name].layer for name in EXPECTED}
    assert layers == {name: layer for name, (layer, _) in EXPECTED.items()} | {
        "puts1": OTHER, "sqrt0": OTHER, "table": OTHER, "isr3": OTHER, "rumpns_very_3": "kern"}
    assert {image.symbols[name].component for name in EXPECTED} == {""}
    check_sums(image)


LINK_SETS = """
#define IN_SET(set) __attribute__((section("link_set_" #set), used)) static const void *const
struct modinfo { unsigned version; int class; void *modcmd; const char *name, *required; };
static const struct modinfo ext2fs = { 1, 2, 0, "ext2fs", 0 }, wild = { 1, 2, 0, (char *)7, 0 };
static const struct { int family; const char *name; } internet = { 2, "internet" };
IN_SET(modules) modules[] = { &ext2fs, &wild, (void *)-8 };
IN_SET(domains) domains[] = { &internet };
int main(void) { return 0; }
"""


def test_a_stripped_image_still_names_its_modules_and_protocols(no_toolchain, tmp_path):
    image = alone(build_tiny_rumprun(tmp_path / "sets", LINK_SETS).image, tmp_path, "--strip-all")
    assert image.sizes.note.endswith(
        "cannot be told; its modules: ext2fs; its protocol families: internet")


def test_a_stripped_image_says_what_is_lost(tiny, toolchain, tmp_path):
    image = alone(tiny.image, tmp_path, "--strip-all")
    assert image.kit == "rumprun" and "is stripped" in image.symbols.note
    assert list(image.sizes.by_layer().index) == [OTHER]
    assert "cannot be told" in image.sizes.note and image.sizes.note in repr(image)
    assert image.sizes.note in KitComparison(tiny.image, image).notes
    assert tiny.image.sizes.note == ""
    assert image.layers.components.empty
    check_sums(image)
    with pytest.raises(UsageError, match="is stripped"):
        image.symbols.find("main")


def test_the_map_of_another_link_is_not_believed(tiny, no_toolchain, tmp_path):
    image = alone(tiny.image, tmp_path)
    text = tiny.image.path.with_suffix(".map").read_text().replace("0x00000000001", "0x000000000f1")
    image.path.with_suffix(".map").write_text(text)
    assert "map of another link" in repr(image.link)
    assert image.symbols["rumpns_tcp_3"].layer == "net"


def test_searches_narrow_by_component_and_layer(tiny, no_toolchain):
    symbols = tiny.image.symbols
    net = symbols.search("*", component="rumpnet_net", kind="function")
    assert len(net) == 60 and {symbol.layer for symbol in net} == {"net"}
    assert symbols.search("*", layer="dev") == []
    with pytest.raises(UsageError, match="lib"):
        symbols.search("*", layer="lib")    # a layer of rumpkit's alone
    table = tiny.image.layers.components
    assert set(table["component"]) >= {"rump", "rumpnet_net", "libc", "libm", "hw"}
    assert "rumpnet_net" in tiny.image.layers.df.loc["net", "components"]


@pytest.mark.parametrize(("archive", "name", "component", "layer"), [
    ("librump.a", "kern_proc.o", "rump", "kern"), ("librump.a", "rump_syscalls.o", "rump", "sys"),
    ("librumpvfs.a", "vfs_bio.o", "rumpvfs", "vfs"),
    ("librumpfs_ffs.a", "a.o", "rumpfs_ffs", "vfs"),
    ("librumprunfs_base.a", "a.o", "rumprunfs_base", "vfs"),
    ("", "librumprunfs_base.a", "rumprunfs_base", "vfs"),
    ("librumpkern_sysproxy.a", "a.o", "rumpkern_sysproxy", "kern"),
    ("librumpnet.a", "a.o", "rumpnet", "net"), ("librumpdev.a", "a.o", "rumpdev", "dev"),
    ("librumpxen_xendev.a", "a.o", "rumpxen_xendev", "dev"),
    ("librumprun_base.a", "malloc.o", "rumprun_base", "sys"), ("libc.a", "x.o", "libc", "libc"),
    ("libc++.a", "x.o", "libc++", "libc"), ("libpthread.a", "x.o", "libpthread", "libc"),
    ("libbmk_core.a", "x.o", "libbmk_core", "bmk"), ("", "rumprun.o", "hw", "arch"),
    ("", "rumplab-trace.o", "rumplab-trace", "rumpuser"), ("", "main.o", "", "app"),
    ("libmine.a", "x.o", "libmine", "app"),
    ("librumpelstiltskin.a", "x.o", "rumpelstiltskin", "app"),
])
def test_components_and_their_layers(archive, name, component, layer):
    assert component_of(archive, name) == component
    assert layer_of_component(component, name) == layer


@pytest.mark.parametrize(("folder", "source", "archive"), [
    ("/x/obj/buildrump.sh/sys/rump/librump/rumpkern", "/x/sys/kern/kern_proc.c", "librump.a"),
    ("/x/sys/rump/librump/rumpvfs", "a.c", "librumpvfs.a"),
    ("/x/sys/rump/fs/lib/libffs", "a.c", "librumpfs_ffs.a"),
    ("/x/sys/rump/fs/lib/libfifovfs", "a.c", "librumpvfs_fifofs.a"),
    ("/x/sys/rump/dev/lib/libpci_if_wm", "a.c", "librumpdev_pci_if_wm.a"),
    ("/x/sys/rump/kern/lib/libsysproxy", "a.c", "librumpkern_sysproxy.a"),
    ("/x/brlib/libnetconfig", "a.c", "librumpnet_config.a"),
    ("/x/obj/lib/librumpkern_bmktc", "a.c", "librumpkern_bmktc.a"),
    ("/x/lib/libm", "a.c", "libm.a"),
    ("/x/rumprun/platform/hw", "arch/x86/cons.c", "hw"), ("/home", "hello.c", None),
    ("/y/lib/libmine", "a.c", None), ("", "", None)])
def test_a_sources_folder_names_the_library(folder, source, archive):
    assert archive_of_source(folder, source) == archive


def test_layers_of_names():
    told = {"rumpns_vfs_bio": "vfs", "rumpns_tcp_input": "net", "rumpns_pci_attach": "dev",
            "rumpns_lwp_create": "kern", "rumpuser_malloc": "rumpuser", "bmk_sched": "bmk",
            "rumpcomp_pci_map": "rumpuser", "rump___sysimpl_open": "sys", "x86_trap": "arch",
            "rumprun_main1": "app", "rumprun_boot": "sys", "main": OTHER, "": OTHER}
    assert {name: layer_of_name(name) for name in told} == told


def test_each_kit_has_its_layers_in_one_order():
    order = [layer.name for layer in LAYERS]
    for layers in (RUMPRUN_LAYERS, RUMPKIT_LAYERS):
        names = [layer.name for layer in layers]
        assert names == sorted(names, key=order.index)
        assert all(layer.description.endswith(".") for layer in layers)
    assert model_of("rumprun").layers is RUMPRUN_LAYERS
    assert model_of("") is model_of("rumpkit")
    names = {layer.name for layer in RUMPRUN_LAYERS}
    for boundary in RUMPRUN_BOUNDARIES:
        assert set(boundary.upper) | set(boundary.lower) <= names


def test_only_what_counts_its_calls_is_counted(tiny):
    assert "trace=True" in uncounted(tiny.image)
    assert uncounted(replace(tiny.image, header_address=4096)) == ""
    assert uncounted(replace(tiny.image, kit="rumpkit")) == ""


def test_a_toolchain_that_is_damaged_tells_nothing_wrong(tiny, toolchain, tmp_path, monkeypatch):
    """Libraries cut anywhere, or with an index that points anywhere: no error, no wrong layer."""
    prefix = tmp_path / "damaged"
    for number in range(12):
        shutil.copytree(tiny.prefix, prefix, dirs_exist_ok=True)
        for library in (prefix / "rumprun-x86_64/lib/rumprun-hw").glob("lib*.a"):
            data = bytearray(library.read_bytes())
            if number % 2 or not data:
                data = data[:len(data) * number // 12]
            else:
                struct.pack_into(">I", data, 68 + 4 * number, 0xFFFFFF00 + number)
            library.write_bytes(data)
        monkeypatch.setenv("RUMPRUN_PREFIX", str(prefix))
        folder = tmp_path / str(number)
        folder.mkdir()
        image = alone(tiny.image, folder)
        code = {name: place for name, place in EXPECTED.items() if name not in ("table", "puts1")}
        assert {name: layer for name, (layer, _) in found(image, code).items()} == {
            name: layer for name, (layer, _) in code.items()}
        check_sums(image)


@pytest.mark.parametrize("with_toolchain", [False, True])
def test_damaged_images_end_in_an_answer_or_an_error(tiny, toolchain, tmp_path, monkeypatch,
                                                     with_toolchain):
    if not with_toolchain:
        monkeypatch.delenv("RUMPRUN_PREFIX")
    script = Path(__file__).with_name("fuzz_image.py")
    done = subprocess.run([sys.executable, script, tiny.image.path, tmp_path, "0", "25"],
                          capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""


def test_damaged_maps_end_in_an_answer(tiny, no_toolchain, tmp_path):
    """The image's and a program's: cut, and with numbers that were changed."""
    text = tiny.image.path.with_suffix(".map").read_text()
    choice = random.Random(1)
    for number in range(15):
        folder = tmp_path / str(number)
        folder.mkdir()
        image = alone(tiny.image, folder)
        damaged = text[:choice.randrange(len(text))]
        damaged = damaged.replace("0x", choice.choice(("0x", "0x0", "0xf", "", "0x1")),
                                  choice.randrange(1, 900))
        image.path.with_suffix(".map").write_text(damaged)
        check_sums(image)
        assert repr(image.link) and repr(image.layers) and len(image.symbols.df)


def test_stretches_cover_each_section_once(tiny, no_toolchain, tmp_path):
    for image in (tiny.image, alone(tiny.image, tmp_path)):
        loaded = [section for section in image.symbols.elf.sections
                  if section.is_loaded and section.size]
        for section in loaded:
            parts = [one for one in image.layers.stretches if one.section == section.name]
            assert parts[0].start == section.address
            assert parts[-1].end == section.address + section.size
            assert all(one.end == other.start for one, other in itertools.pairwise(parts))
        for name in ("rumpns_tcp_3", "bmk_sched_3", "rumpuser_3", "puts1"):
            found = image.layers.at(image.symbols[name].address)
            assert (found.layer, found.component) == EXPECTED[name]
        assert image.layers.at(0) is image.layers.at(1 << 40) is None
