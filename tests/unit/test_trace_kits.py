"""Comparing two kits: what hypercalls are for, and images without a guest."""

import pytest
from capabilities import need
from tiny_guest import build
from tiny_rumprun import build_tiny_rumprun

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics import Lab
from kernel_magics.errors import BuildError, HostError, UsageError
from kernel_magics.trace.kits.comparison import STAGES, KitComparison
from kernel_magics.trace.kits.profile import OTHER, PURPOSES, purpose_of
from kernel_magics.trace.records.events import NAMES
from kernel_magics.widgets.boot_chart.phases import MEANINGS
from kernel_magics.widgets.differences.kits import kit_comparison_html
from kernel_magics.widgets.images.image import image_html
from kernel_magics.widgets.images.symbols import SymbolTable
from kernel_magics.widgets.layers.view import layer_picture


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return (build(tmp_path_factory.mktemp("kit")),
            build_tiny_rumprun(tmp_path_factory.mktemp("tiny")).image)


@pytest.mark.parametrize(("name", "purpose"), [
    ("rumpuser_cv_wait", "waiting"), ("rumpuser_cv_wait_nowrap", "waiting"),
    ("rumpuser_cv_timedwait", "waiting"), ("rumpuser_clock_sleep", "waiting"),
    ("rumpuser_cv_signal", "waking"), ("rumpuser_cv_broadcast", "waking"),
    ("rumpuser_mutex_enter", "locks"), ("rumpuser_rw_exit", "locks"),
    ("rumpuser_malloc", "memory"), ("rumpcomp_vm_map", "memory"),
    ("rumpuser_clock_gettime", "clock"), ("rumpcomp_bmktc_gettime", "clock"),
    ("rumpuser_putchar", "console"), ("rumpcomp_console_write", "console"),
    ("rumpuser_thread_create", "threads"), ("rumpcomp_thread_start", "threads"),
    ("rumpuser_curlwpop", "threads"), ("rumpuser_bio", "devices"), ("rumpcomp_pci_map", "devices"),
    ("rumpcomp_virtif_send", "devices"), ("rumpuser_getparam", OTHER), ("rumpuser_exit", OTHER)])
def test_what_hypercalls_are_for(name, purpose):
    assert purpose_of(name) == purpose


def test_most_of_the_interface_has_a_purpose():
    calls = [name for name in NAMES if name.startswith(("rumpuser_", "rumpcomp_"))]
    assert len(calls) > 60
    assert {purpose_of(name) for name in calls} == {*PURPOSES, OTHER}
    assert sum(purpose_of(name) == OTHER for name in calls) < len(calls) / 3


def test_the_stages_hold_every_phase_once():
    phases = [phase for names in STAGES.values() for phase in names]
    assert len(phases) == len(set(phases)) and set(phases) == set(MEANINGS)


def test_images_of_two_kits_are_compared_by_layer(images):
    found = KitComparison(*images)
    sizes = found.sizes
    assert found.kits == ("no kit", "rumprun") or found.kits[1] == "rumprun"
    for column, image in zip(("before_bytes", "after_bytes"), images, strict=True):
        assert sizes.loc["in RAM", column] == image.sizes.total_bytes
        assert sizes[column].iloc[:-1].sum() == image.sizes.total_bytes
    assert (sizes["delta_bytes"] == sizes["after_bytes"] - sizes["before_bytes"]).all()
    assert sizes.loc["net", "before_bytes"] == 0 and sizes["ratio"].isna()["net"]
    assert found.boots is found.hypercalls is found.purposes is None
    assert set(found.df["part"]) == {"size"} and len(found.df) == len(sizes)
    assert "boot both images" in found.notes[-1] and "boot both images" in repr(found)
    html = kit_comparison_html(found)
    assert "net faction" in html and "boot, on one scale" not in html
    assert repr(KitComparison(*images)) == repr(found)


def test_images_of_one_kit_are_compared_too(images):
    found = KitComparison(images[1], images[1])
    assert (found.sizes["delta_bytes"] == 0).all()
    assert "<th class=\"n\">before</th>" in kit_comparison_html(found)


def test_what_is_no_image_is_refused(images):
    with Lab() as lab:
        for wrong in (None, 3, [], print):
            with pytest.raises(UsageError, match="compared by images or guests"):
                lab.compare(images[0], wrong)


def test_without_a_toolchain_nothing_is_booted(tmp_path, monkeypatch):
    need("compiler")
    monkeypatch.setenv("RUMPRUN_PREFIX", str(tmp_path))
    with Lab() as lab:
        with pytest.raises(HostError, match="no Rumprun toolchain in"):
            lab.compare_kits("int main(void) { return 0; }", "none")
        with pytest.raises(BuildError, match="expected"):
            lab.compare_kits("int main(void) { return 0 }", "none")
        assert lab.guests() == []


def test_views_speak_of_the_kits_own_layers(images):
    kit, rumprun = images
    assert "NetBSD libraries" in image_html(rumprun)
    assert "NetBSD" not in image_html(kit)
    names = [[layer["name"] for layer in layer_picture(image, "x")["layers"]] for image in images]
    assert "lib" in names[0] and "dev" not in names[0]
    assert "dev" in names[1] and "lib" not in names[1]
    layers = {layer["name"]: layer for layer in layer_picture(rumprun, "x")["layers"]}
    assert [name for name, _ in layers["libc"]["components"]] == ["libm", "libc"]    # the larger
    assert layers["net"]["components"] == []    # one alone is no choice
    assert layers["net"]["symbols"][0][4] == "rumpnet_net"
    found = SymbolTable(rumprun, rumprun.symbols.search("rumpns_*"))
    assert "rumpnet_net" in repr(found) and "<th>component</th>" in found._repr_html_()
    assert "component" not in SymbolTable(kit, kit.symbols.search("main"))._repr_html_()
