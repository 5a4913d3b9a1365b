"""The layer view: pointed at, used from the keyboard, live, and quiet when nobody looks."""

import re
import time

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

HELLO = '%%rumpbuild hello\n#include <stdio.h>\nint main(void) { puts("hello"); }'
# Lines a bit more than a millisecond apart, until it is stopped.
TICKER = """%%rumpbuild ticker
#include <stdio.h>
#include <time.h>
int main(void) {
    for (int i = 0;; i++) {
        printf("tick %d\\n", i);
        nanosleep(&(struct timespec){0, 1000000}, 0);
    }
}"""
# Its page tells the kernel that it has gone, or asks for nothing any more.
QUIET = "import time\nwhile view.pump.active: time.sleep(0.05)\nprint('no more is sent')"


def calls_shown(row) -> int:
    """Return the number of calls that a boundary shows."""
    return int(re.sub(r"\D", "", row.locator(".rl-number").first.inner_text()) or 0)


def layer(view, name: str):
    """Return the row of the layer called `name`."""
    return view.locator(".rl-layer").filter(has=view.page.get_by_text(name, exact=True))


def test_a_click_on_a_layer_shows_its_symbols_and_a_search_finds_more(opened, written):
    page = opened(written("layers_click", "%load_ext kernel_magics", HELLO, "%rumplayers hello"))
    page.run_all()
    view = page.output("%rumplayers hello")
    layer(view, "rumpuser").click()
    symbols = view.get_by_role("region", name="symbols of rumpuser")
    expect(symbols).to_contain_text("rumpuser_mutex_enter")
    view.get_by_role("searchbox").fill("rumpuser_exi")
    expect(symbols.get_by_role("row")).to_have_count(2)  # the heading and rumpuser_exit
    expect(symbols).to_contain_text("rumpuser_exit")
    layer(view, "sys").click()
    expect(view.get_by_role("region", name="symbols of sys")).to_contain_text("sys_")
    assert page.errors == []


def test_a_search_reaches_symbols_that_were_not_sent(opened, written):
    page = opened(written("layers_search", "%load_ext kernel_magics", HELLO, "%rumplayers hello"))
    page.run_all()
    view = page.output("%rumplayers hello")
    layer(view, "libc").click()
    view.get_by_role("searchbox").fill("__libc_start")
    expect(view.get_by_role("region", name="symbols of libc")).to_contain_text("__libc_start_main")


def test_the_arrow_keys_walk_from_the_application_to_the_host(opened, written):
    page = opened(written("layers_keys", "%load_ext kernel_magics", HELLO,
                          "%rumpboot hello", "%rumplayers hello"))
    page.run_all()
    view = page.output("%rumplayers hello")
    options = view.get_by_role("option")
    options.first.click()
    seen = []
    for _ in range(options.count() - 1):
        page.page.keyboard.press("ArrowDown")
        focused = view.locator(".rl-stack :focus")
        expect(focused).to_have_attribute("aria-selected", "true")
        seen.append(focused.inner_text().split()[0])
    assert seen[-1] == "host"
    assert {"libc", "sys", "kern", "vfs", "rumpuser", "bmk", "arch"} <= set(seen)
    page.page.keyboard.press("Home")
    expect(layer(view, "app")).to_be_focused()
    page.page.keyboard.press("Tab")
    expect(view.get_by_role("searchbox")).to_be_focused()


@pytest.mark.parametrize("dark", [False, True])
def test_a_boundary_tells_which_hypercalls_were_made_and_which_were_not(opened, written, dark):
    page = opened(written(f"layers_boundary_{dark}", "%load_ext kernel_magics", HELLO,
                          "guest = %rumpboot hello", "%rumplayers hello",
                          "print(*guest.trace.hypercalls.status.value_counts(sort=False))"),
                  dark=dark)
    page.run_all()
    view = page.output("%rumplayers hello")
    view.locator(".rl-boundary", has_text="hypercalls").click()
    made = view.get_by_role("region", name="hypercalls")
    expect(made).to_contain_text("rumpcomp_console_write")
    for name, state in (("rumpcomp_console_write", "used"), ("rumpuser_kill", "unused"),
                        ("rumpuser_dl_bootstrap", "stubbed")):
        expect(made.get_by_role("row").filter(has_text=name)).to_contain_text(state)
    states = view.get_by_role("list", name="states of the calls")
    counts = page.outputs(4).inner_text().split()              # as the table has them
    assert int(counts[0]) > 0 and int(counts[3]) > 0
    expect(states).to_have_text(re.compile(
        r"{} used.*{} unused.*{} stubbed: answers, and does nothing.*{} not in the image"
        .format(*counts)))
    page.shoot(f"layers_states_{'dark' if dark else 'light'}", view)
    view.locator(".rl-boundary", has_text="library calls").click()
    expect(view).to_contain_text("the trace does not see them")


def test_figures_move_while_the_guest_runs_and_stop_when_nobody_looks(opened, written):
    page = opened(written("layers_live", "%load_ext kernel_magics", TICKER,
                          "%rumpboot ticker --background --trace off",
                          "view = %rumplayers ticker\nview",
                          QUIET, "%rumpstop ticker"), size=(1280, 1600))
    for cell in range(4):
        page.run_cell(cell)
    view = page.output("%rumplayers ticker")
    hypercalls = view.locator(".rl-boundary", has_text="hypercalls")
    expect(hypercalls).to_contain_text("/s")
    expect(hypercalls.locator("svg")).to_be_visible()
    first = calls_shown(hypercalls)
    deadline = time.monotonic() + 60
    while calls_shown(hypercalls) <= first:
        assert time.monotonic() < deadline
        page.page.wait_for_timeout(200)
    page.shoot("layers_live", view)

    page.command("notebook:clear-all-cell-outputs")
    page.page.wait_for_timeout(500)
    page.run_cell(4)
    expect(page.outputs(4)).to_contain_text("no more is sent")
    page.run_cell(5)
    expect(page.output("%rumpstop ticker")).to_contain_text("ticker stopped")


def test_a_notebook_that_was_not_run_shows_its_stored_texts(opened, first_guest):
    page = opened(first_guest, size=(1280, 2400))
    expect(page.output("%rumplayers hello")).to_contain_text("rumpuser")
    expect(page.output("%rumptrace hello")).to_contain_text("rumpuser_malloc")
    expect(page.page.locator(".jp-Notebook")).not_to_contain_text("Error displaying widget")
    assert page.errors == []
