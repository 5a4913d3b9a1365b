"""The first notebook as a student meets it: opened, run, looked at, clicked."""

import re

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_run_all_shows_console_layers_and_trace(opened, first_guest, dark):
    page = opened(first_guest, dark=dark, size=(1280, 5600))
    page.run_all()
    theme = "dark" if dark else "light"

    boot = page.output("%rumpboot hello")
    expect(boot).to_contain_text("hello from ring 0")
    expect(boot).to_contain_text("exited with status 0")
    expect(boot).to_contain_text("Enlarged")
    expect(page.output("%%rumpbuild hello")).to_contain_text("in RAM")
    expect(page.output("%%rumprun ring")).to_contain_text("this program runs in ring 0")
    expect(page.output("%%rumpbuild broken")).to_contain_text("expected ‘;’")
    expect(page.output("%%rumprun crash")).to_contain_text("null pointer in store")

    layers = page.output("%rumplayers hello")
    expect(layers.get_by_role("option")).to_have_count(17)
    expect(layers.locator(".rl-boundary", has_text="hypercalls")).to_contain_text(
        re.compile(r"[1-9]\d* calls"))
    trace = page.output("%rumptrace hello")
    expect(trace.get_by_role("tab", name="Timeline")).to_have_attribute("aria-selected", "true")
    page.shoot(f"rumptrace_timeline_{theme}", trace)
    trace.get_by_role("tab", name="Calls").click()
    expect(trace.get_by_role("row")).not_to_have_count(0)
    expect(trace).to_contain_text("rumpuser_malloc")
    page.shoot(f"first_guest_{theme}")
    for cell in ("%%rumpbuild hello", "%rumpboot hello", "%rumplayers hello", "%rumptrace hello"):
        page.shoot(f"{cell.replace('%', '').replace(' ', '_')}_{theme}", page.output(cell))
    assert page.errors == []


def test_a_first_session_for_the_readme(opened, written):
    page = opened(written(
        "first_session", "%load_ext kernel_magics",
        '%%rumpbuild hello\n#include <stdio.h>\n\nint main(void) {\n'
        '    puts("hello from ring 0");\n    return 0;\n}', "%rumpboot hello", "%rumplayers hello"),
        size=(1120, 1445))
    page.command("application:toggle-left-area")
    page.run_all()
    layers = page.output("%rumplayers hello")
    layers.locator(".rl-boundary", has_text="hypercalls").click()
    expect(layers).to_contain_text("rumpcomp_console_write")
    page.page.mouse.move(0, 0)
    page.page.locator(".jp-Cell").first.scroll_into_view_if_needed()
    picture = page.shoot("first_session")
    assert picture.stat().st_size < 300_000
