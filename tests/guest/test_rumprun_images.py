"""What images of upstream Rumprun are made of, and one program under both kits."""

import shutil
import subprocess

import pytest
from capabilities import need
from rumprun_building import toolchain_lab
from test_magics_session import session  # noqa: F401 - a fixture

from kernel_magics.build import GuestImage
from kernel_magics.errors import UsageError
from kernel_magics.trace.kits.comparison import STAGES, KitComparison
from kernel_magics.widgets.differences.kits import kit_comparison_html
from kernel_magics.widgets.layers.view import LayerView, layer_picture

pytestmark = pytest.mark.guest

PROGRAM = r"""
#include <math.h>
#include <stdio.h>
static char room[4096];
int counter = 7;
__attribute__((noinline)) double work(double x) { return sqrt(x) + counter; }
int main(int argc, char **argv)
{
	snprintf(room, sizeof(room), "%s %f", argv[0], work(argc));
	puts(room);
	return 0;
}
"""
# Of each layer, something that every image of hw_virtio has.
KNOWN = {"rumpns_tcp_input": ("net", "rumpnet_net"), "rumpns_ffs_mount": ("vfs", "rumpfs_ffs"),
         "rumpns_lwp_create": ("kern", "rump"), "rump___sysimpl_write": ("sys", "rump"),
         "rumpns_pci_conf_read": ("dev", "rumpdev_pci"), "printf": ("libc", "libc"),
         "pthread_create": ("libc", "libpthread"), "sqrt": ("libc", "libm"),
         "rumpuser_malloc": ("rumpuser", "libbmk_rumpuser"),
         "rumpcomp_pci_confread": ("rumpuser", "rumpdev_pci"),
         "bmk_pgalloc_align": ("bmk", "libbmk_core"), "x86_initidt": ("arch", "hw"),
         "rumprun_main1": ("app", ""), "work": ("app", ""), "room": ("app", ""),
         "counter": ("app", "")}


lab = toolchain_lab()


@pytest.fixture(scope="module")
def image(lab):
    return lab.build(PROGRAM, "made", kit="rumprun", ldflags="-lm")


@pytest.fixture(scope="module")
def both(lab):
    return lab.compare_kits(PROGRAM, "made", build={"ldflags": "-lm", "bake": "hw_virtio"})


def test_each_symbol_has_its_layer_and_component(image):
    assert {name: (image.symbols[name].layer, image.symbols[name].component)
            for name in KNOWN} == KNOWN
    assert image.symbols["work"].object == "made.c"
    assert image.symbols["rumpns_tcp_input"].object == "librumpnet_net.a(tcp_input.o)"
    assert image.symbols["rumpns_tcp_input"].line[0].endswith("sys/netinet/tcp_input.c")
    assert image.symbols["bmk_pgalloc_align"].object == "libbmk_core.a(pgalloc.c)"
    table = image.symbols.df
    assert (table["layer"] == "other").sum() < len(table) / 500


def test_every_byte_is_counted_once(image):
    text = subprocess.run(["size", image.path], capture_output=True, text=True, check=True)
    size = int(text.stdout.splitlines()[1].split()[3])
    assert size - 4096 < image.sizes.total_bytes <= size    # .tbss is no byte of the image
    assert sum(leaf.size_bytes for leaf in image.sizes.leaves) == image.sizes.total_bytes
    layers = image.sizes.by_layer()
    assert list(layers.index) == ["app", "libc", "sys", "kern", "vfs", "net", "dev", "rumpuser",
                                  "bmk", "arch", "other"]
    assert layers.loc["other", "total"] < image.sizes.total_bytes / 100
    components = set(image.layers.components["component"])
    assert set(image.baked.components) - components <= {"rumpnet", "rumpvfs"}
    assert image.sizes.tree["net"]["librumpnet_net.a"]["tcp_input.o"]["rumpns_tcp_input"]
    assert "rumprun" in repr(image) and "net " in repr(image)


def test_why_an_object_is_in_the_image(image):
    assert repr(image.link.why("sqrt")) == "libm.a(w_sqrt.o) for sqrt, which made uses"
    steps = image.link.why("printf")
    assert steps[0][0] == "libc.a(printf.o)" and "uses" in repr(steps)
    whole = image.link.why("rumpns_tcp_input")
    assert repr(whole).endswith("because all of its library is linked")
    assert list(whole.df["for_symbol"]) == ["--whole-archive"]
    assert "given to the linker itself" in repr(image.link.why("rumprun_main1"))


def test_code_and_callers(image):
    assert "sqrt" in repr(image.code("work")) and "made.c:" in repr(image.code("work"))
    assert [symbol.name for symbol in image.symbols["work"].callers()] == ["rumprun_main1"]


def test_an_image_built_elsewhere_is_known_by_the_toolchain(image, tmp_path):
    """Without the map, and without debugging data too, most is found all the same."""
    exact = dict(zip(zip(image.symbols.df["name"], image.symbols.df["address"], strict=True),
                     image.symbols.df["layer"], strict=True))
    for flags, most_wrong in (((), 0.025), (("--strip-debug",), 0.05)):
        path = tmp_path / f"elsewhere{len(flags)}"
        shutil.copyfile(image.path, path)
        if flags:
            subprocess.run(["strip", *flags, path], check=True)
        other = GuestImage.from_file(path)
        assert "say what its parts are" in repr(other.link)
        table = other.symbols.df
        wrong = sum(exact[name, address] != layer for name, address, layer in
                    zip(table["name"], table["address"], table["layer"], strict=True))
        assert wrong / len(table) < most_wrong
        assert other.symbols["rumpns_tcp_input"].component == "rumpnet_net"


def test_programs_baked_together_are_told_apart(lab):
    two = lab.build({"first": PROGRAM, "second": PROGRAM}, "two", kit="rumprun", ldflags="-lm")
    assert {node.name for node in two.sizes.tree["app"]} == {"first", "second"}
    assert two.symbols["rumprun_main2"].component == "second"
    assert two.symbols["rumprun_main2"].object == "second(second.c)"


def test_the_picture_of_the_layers(lab, image):
    picture = layer_picture(image, "made")
    layers = {layer["name"]: layer for layer in picture["layers"]}
    assert list(layers) == ["app", "libc", "sys", "kern", "vfs", "net", "dev", "rumpuser", "bmk",
                            "arch", "host"]
    assert layers["net"]["components"][0][0] == "rumpnet_net"
    calls = {boundary["key"]: boundary for boundary in picture["boundaries"]}["hypercalls"]
    assert "rumpuser_mutex_enter" in calls["names"]
    assert "rumpuser_dl_bootstrap" in calls["stubs"] and "rumpuser_kill" in calls["stubs"]
    assert "--trace" in picture["note"]
    guest = lab.boot(image, memory_mib=64, name="uncounted")
    assert guest.layers.snapshot() == {} and "trace=True" in repr(guest.layers)
    assert guest.layers.hypercalls["calls"].isna().all()
    view = LayerView(image, guest)
    assert view.sample["calls"] is None
    view.close()
    guest.stop()


def test_one_program_under_both_kits(both):
    assert both.kits == ("rumpkit", "rumprun")
    assert [guest.exit_status for guest in both.guests] == [0, 0]
    sizes = both.sizes
    for number, image in enumerate(both.images):
        column = ("before_bytes", "after_bytes")[number]
        assert sizes.loc["in RAM", column] == image.sizes.total_bytes
        assert sizes[column].iloc[:-1].sum() == image.sizes.total_bytes
    boots = both.boots
    assert list(boots.index) == [*STAGES, "total"]
    assert (boots.loc[["boot", "main"], ["before_ns", "after_ns"]] > 0).all().all()
    assert boots["before_ns"].iloc[:-1].sum() == boots.loc["total", "before_ns"]
    calls, purposes = both.hypercalls, both.purposes
    assert calls.loc["rumpuser_putchar", "after_count"] > 100
    assert calls.loc["rumpcomp_console_write", "before_count"] == 1
    assert purposes["after_count"].sum() == calls["after_count"].sum()
    counted = both.guests[1].layers.snapshot()["hypercalls"]
    assert counted >= calls["after_count"].sum() > counted / 2
    assert "are what traces it" in both.notes[0]
    assert set(both.df["part"]) == {"size", "boot", "hypercalls"}
    html = kit_comparison_html(both)
    assert "rumpuser_putchar" in html and "made_rumprun (rumprun)" in html
    assert all(word in repr(both) for word in ("bytes by layer", "boot", "hypercalls by purpose"))


def test_a_traced_guest_counts_its_calls(both):
    layers = both.guests[1].layers
    assert layers.note == "" and layers.snapshot()["hypercalls"] > 1000
    view = LayerView(both.images[1], both.guests[1])
    assert view.sample["calls"]["hypercalls"]["rumpuser_init"] == 1
    view.close()


def test_what_cannot_be_compared_is_said(lab, both, image):
    images = lab.compare(both.images[0], "made_rumprun")
    assert isinstance(images, KitComparison) and images.boots is images.hypercalls is None
    assert "boot both images" in images.notes[-1]
    guest = lab.boot(image, memory_mib=48, name="untraced")
    guest.wait(60)
    compared = lab.compare(both.guests[0], guest)
    assert compared.hypercalls is None and compared.boots is not None
    notes = " ".join(compared.notes)
    assert "trace" in notes and "not the same RAM: made_rumpkit had 64, untraced 48" in notes
    with pytest.raises(UsageError, match="compared by images or guests"):
        lab.compare(3, image)
    with pytest.raises(UsageError, match="no image called 'mad'"):
        lab.compare("mad", image)


def test_guests_that_end_badly_are_compared(lab):
    crashed = lab.compare_kits("int main(void) { *(volatile int *)8 = 1; return 0; }", "crash")
    assert "null pointer" in crashed.notes[0] and "crash_rumprun" in crashed.notes[1]


def test_guests_that_do_not_end_are_compared(lab):
    waiting = lab.compare_kits('#include <stdio.h>\n#include <unistd.h>\nint main(void)'
                               '{ puts("ready"); fflush(stdout); for (;;) sleep(1); }', "server",
                               until="ready")
    assert [guest.state for guest in waiting.guests] == ["running", "running"]
    assert sum("still ran" in note for note in waiting.notes) == 2
    assert waiting.purposes is not None
    for guest in waiting.guests:
        guest.stop()


def test_the_magics_of_both_kits(session):  # noqa: F811
    need("rumprun", "compiler")
    session.run(f"%%rumpbuild mine\n{PROGRAM.replace('sqrt(x)', 'x')}")
    session.run(f"%%rumpbuild theirs --kit rumprun\n{PROGRAM.replace('sqrt(x)', 'x')}")
    found, said = session.run("%rumpsym theirs tcp_* --component rumpnet_net --kind function")
    assert "rumpnet_net" in said and "  sys/netinet/tcp_input.c:" in said
    assert set(found.df["layer"]) == {"net"} and len(found) > 50
    _, said = session.run("%rumpsym theirs --tree 2 --layer net")
    assert "librumpnet_net.a" in said
    compared, said = session.run("%rumpdiff mine theirs")
    assert isinstance(compared, KitComparison) and "mine (rumpkit) → theirs (rumprun)" in said
    diff, said = session.run("%rumpdiff mine theirs --by layer")
    assert "net" in said and not isinstance(diff, KitComparison)
    _, said = session.fail("%rumpsym theirs --component rumpnet_nat")
    assert "has no component 'rumpnet_nat'" in said and "did you mean rumpnet_net?" in said
