"""Rumprun's layers in the browser: components to choose from, calls where they are counted."""

import pytest
from capabilities import need
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(900)]

LOAD = "%load_ext kernel_magics"
PROGRAM = """
#include <stdio.h>
#include <unistd.h>
int main(void)
{
    puts("ready");
    fflush(stdout);
    for (int i = 0; i < 3000; i++)
        usleep(10000);
}"""
PLAIN = f"%%rumpbuild plain --kit rumprun{PROGRAM}"
TRACED = f"%%rumpbuild traced --kit rumprun --trace{PROGRAM}"
OWN = f"%%rumpbuild own{PROGRAM}"
BOOT = ("guest = %rumpboot NAME --memory 64 --background --wait ready --machine pc "
        "--trace hypercalls")


def layer(view, name: str):
    """Return the row of the layer called `name`."""
    return view.locator(".rl-layer").filter(has=view.page.get_by_text(name, exact=True))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_component_shows_its_symbols_alone(opened, written, dark):
    need("rumprun")
    page = opened(written(f"rumprun_layers_{dark}", LOAD, PLAIN, "%rumplayers plain"), dark=dark)
    page.run_all()
    view = page.output("%rumplayers plain")
    layer(view, "net").click()
    symbols = view.get_by_role("region", name="symbols of net")
    components = view.get_by_role("group", name="components of net")
    chosen = components.get_by_role("button").filter(has_text="rumpnet_config")
    chosen.click()
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(symbols.locator("tbody tr").first).to_contain_text("rumpnet_config")
    cells = symbols.locator("tbody td:nth-child(2)")
    expect(cells.filter(has_not_text="rumpnet_config")).to_have_count(0)
    page.shoot(f"rumprun_layers_{'dark' if dark else 'light'}", view)
    view.get_by_role("searchbox").fill("dhcp")
    expect(symbols.locator("tbody tr").first).to_contain_text("dhcp")
    chosen.focus()
    page.page.keyboard.press("Enter")
    expect(chosen).to_have_attribute("aria-pressed", "false")
    expect(symbols).to_contain_text("dhcp")
    view.get_by_role("searchbox").fill("")
    expect(symbols).to_contain_text("rumpnet_net")
    assert page.errors == []


def test_calls_are_shown_where_the_image_counts_them(opened, written):
    need("rumprun")
    page = opened(written("rumprun_calls", LOAD, PLAIN, TRACED,
                          BOOT.replace("NAME", "plain").replace("--trace hypercalls", ""),
                          "%rumplayers plain", BOOT.replace("NAME", "traced"),
                          "%rumplayers traced", "%rumpstop plain", "%rumpstop traced"))
    for cell in range(7):
        page.run_cell(cell)
    said = page.outputs(4).get_by_role("region", name="hypercalls")
    expect(said).to_contain_text("Guests of plain do not count their calls")
    view = page.outputs(6)
    seam = view.locator(".rl-boundary", has_text="hypercalls")
    expect(seam).to_contain_text("/s")
    calls = view.get_by_role("region", name="hypercalls")
    expect(calls).to_contain_text("rumpuser_clock_sleep")
    expect(calls).to_contain_text("stubbed")
    page.run_cell(7)
    page.run_cell(8)
    assert page.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_both_kits_side_by_side(opened, written, dark):
    need("rumprun")
    page = opened(written(f"rumprun_kits_{dark}", LOAD, OWN, TRACED, BOOT.replace("NAME", "own"),
                          BOOT.replace("NAME", "traced"), "%rumpdiff own traced",
                          "%rumpstop own", "%rumpstop traced"), dark=dark, size=(1280, 1500))
    for cell in range(6):
        page.run_cell(cell)
    report = page.outputs(5)
    for words in ("bytes by layer", "boot, on one scale", "hypercalls by what they are for",
                  "own (rumpkit) → traced (rumprun)", "are what traces it"):
        expect(report).to_contain_text(words)
    expect(report.get_by_role("img", name="traced:")).to_be_visible()
    page.shoot(f"rumprun_kits_{'dark' if dark else 'light'}", report)
    report.get_by_text("each hypercall").click()
    expect(report).to_contain_text("rumpuser_mutex_enter")
    page.run_cell(6)
    page.run_cell(7)
    assert page.errors == []
