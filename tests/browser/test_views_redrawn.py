"""Views that were drawn while they could not be seen: another theme, a busy kernel."""

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(900)]

HELLO = '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("once"); PAUSE }'
# How many of a canvas's pixels have a colour.
COLOURED = """(canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
    .data.filter((value, at) => at % 4 === 3 && value > 0).length"""
PICTURE = "(canvas) => canvas.toDataURL()"


def test_a_timeline_is_painted_again_in_another_theme(opened, written):
    page = opened(written("themes", "%load_ext kernel_magics",
                          "%%rumprun hello --trace all\n" + HELLO.replace("PAUSE", ""),
                          "%rumptrace hello"))
    page.run_all()
    lanes = page.output("%rumptrace hello").locator("canvas.rl-tl-lanes")
    expect(lanes).to_be_visible()
    page.page.wait_for_function(f"(canvas) => ({COLOURED})(canvas) > 1000",
                                arg=lanes.element_handle())
    many = lanes.evaluate(COLOURED) // 2
    for theme in ("JupyterLab Dark", "JupyterLab Light", "JupyterLab Dark"):
        before = lanes.evaluate(PICTURE)
        page.choose_theme(theme)
        page.page.wait_for_function(
            f"([canvas, before]) => ({PICTURE})(canvas) !== before"
            f" && ({COLOURED})(canvas) > {many}", arg=[lanes.element_handle(), before])
    page.shoot("timeline_after_theme_change")
    assert page.errors == []


ASK_OFTEN = """import time
time.sleep(1)
for _ in range(4):
    view.answer({"kind": "attach", "browser": view._feed.browsers()[0]})
    time.sleep(0.1)"""


def test_a_console_that_is_sent_anew_shows_each_line_once(opened, written):
    # A page that was busy asks more than once, and takes all the answers in one go.
    page = opened(written("busy", "%load_ext kernel_magics",
                          "%%rumpbuild talk\n" + HELLO.replace("PAUSE", "pause();"),
                          "guest = %rumpboot talk --wait once --background",
                          "from kernel_magics.widgets.console.view import ConsoleView\n"
                          "view = ConsoleView(guest)\nview", ASK_OFTEN, "%rumpstop talk"))
    for cell in range(4):
        page.run_cell(cell)
    console = page.output("ConsoleView(guest)")
    log = console.get_by_role("log")
    expect(log).to_contain_text("once")
    page.run_cell(4, wait=False)
    page.page.wait_for_timeout(300)
    page.page.evaluate("() => { const begun = Date.now(); while (Date.now() - begun < 4000); }")
    page.await_kernel()
    page.run_cell(5)
    page.page.wait_for_timeout(1000)
    assert console.locator(".xterm-rows").inner_text().count("once") == 1
    assert log.inner_text().count("once") == 1
    assert page.errors == []
