"""The boot chart in a notebook: keys, zoom, measuring, the way to Python and back."""

import re
import time

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

LOAD = "%load_ext kernel_magics"
HELLO = """%%rumpbuild hello
#include <stdio.h>
#include <unistd.h>
int main(void) { usleep(200000); puts("hello"); }"""
BOOT = "guest = %rumpboot hello"
VIEW = "from kernel_magics.widgets.boot_chart.view import BootChartView\n" \
       "view = BootChartView(guest.boot_phases, 'Boot of hello'); view"


def await_wider(bar, width):
    """Wait until a bar has more than this width; while it is drawn anew it has none."""
    deadline = time.monotonic() + 60
    while not ((box := bar.bounding_box()) and box["width"] > width):
        assert time.monotonic() < deadline, box
        time.sleep(0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_the_boot_chart_is_zoomed_measured_and_read(opened, written, dark):
    page = opened(written(f"boot_{dark}", LOAD, HELLO, BOOT, "guest.boot_phases", VIEW,
                          "print(view.selected, len(view.shown), len(view.measured))",
                          "view.selected = 'main'; view.shown = []; view.measured = [0, 1e6]"),
                  dark=dark, size=(1100, 1500))
    for cell in range(5):
        page.run_cell(cell)
    expect(page.outputs(3).get_by_role("listbox")).to_be_visible()
    chart = page.outputs(4)
    names = chart.get_by_role("listbox", name="phases")
    told = chart.get_by_role("status")
    bars = chart.locator("svg .rl-boot-bar")
    expect(bars).to_have_count(names.get_by_role("option").count())
    page.shoot(f"boot_{'dark' if dark else 'light'}", chart)
    names.focus()
    page.page.keyboard.press("ArrowDown")
    expect(names.locator("[aria-selected=true]")).to_have_attribute("data-name", "define")
    expect(told).to_contain_text("define: files and a domain are prepared")
    page.page.keyboard.press("g")                              # from the first instruction
    await_wider(bars.and_(chart.locator("[data-name=entry]")), 3)
    expect(bars.and_(chart.locator("[data-name=main]"))).to_have_count(1)
    page.page.keyboard.press("End")
    page.page.keyboard.press("ArrowUp")
    expect(told).to_contain_text("main: the program")
    page.page.keyboard.press("f")
    await_wider(bars.and_(chart.locator("[data-name=main]")), 400)
    page.page.keyboard.press("w")
    page.page.keyboard.press("0")
    expect(chart.locator("svg .rl-boot-bar[data-name=define]")).to_have_count(1)
    page.page.keyboard.press("m")
    expect(told).to_contain_text(re.compile(r"measured: ([2-9]\d\d|\d+\.\d+ s)"))  # 200 ms or more
    page.page.keyboard.press("Escape")
    expect(told).not_to_contain_text("measured")
    box = chart.locator("svg").bounding_box()
    page.page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 260, box["y"] + 60, steps=5)
    page.page.mouse.up()
    expect(told).to_contain_text("measured: ")
    page.shoot(f"boot_measured_{'dark' if dark else 'light'}", chart)
    page.run_cell(5)
    expect(page.outputs(5)).to_contain_text("main 0 2")
    page.run_cell(6)                                           # from Python
    expect(told).to_contain_text("measured: 1.00 ms, from 0 ns on")
    chart.get_by_text("table", exact=True).click()
    expect(chart.get_by_role("row").filter(has_text="QEMU starts")).to_be_visible()
    assert page.errors == []
