"""Programs that draw on the whole screen, in the console view: busybox' vi, less and watch."""

import re

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

LOAD = "%load_ext kernel_magics"
BUSYBOX = "%rumpbuild busybox --package busybox-static"
TEXT = "".join(f"this is line {number} of a long text\n" for number in range(300))
BUSYBOX_TEXT = ("%%rumpbuild busybox --package busybox-static\nfiles:\n  /text: |\n"
                + "".join(f"    {line}\n" for line in TEXT.splitlines()))


def started(opened, written, name: str, build: str, boot: str, dark: bool = False):
    """Run a notebook that builds and boots; return the page, the view and the screen."""
    page = opened(written(name, LOAD, build, boot), dark=dark)
    page.run_all(timeout_ms=240_000)
    view = page.output(boot)
    expect(view).to_contain_text("running")
    view.get_by_role("textbox", name="input to the guest's console").focus()
    return page, view, view.locator(".xterm-rows")


def test_vi_edits_a_file_on_the_whole_screen_and_gives_it_back(opened, written):
    page, view, screen = started(opened, written, "console_vi", BUSYBOX,
                                 "%rumpboot busybox --terminal -- sh")
    keys = page.page.keyboard
    expect(screen).to_contain_text("/ #")
    keys.type("echo first > /tmp/a; vi /tmp/a\n")
    expect(screen).to_contain_text("~")
    expect(screen).not_to_contain_text("BusyBox")  # another screen
    keys.type("osecond line\x1b")
    keys.press("Escape")
    expect(screen).to_contain_text("second line")
    page.shoot("console_vi", view)
    keys.type(":wq\n")
    expect(screen).to_contain_text("BusyBox")      # the first again
    keys.type("cat /tmp/a; stty size\n")
    expect(screen).to_contain_text(re.compile(r"first\s*second line\s*\d\d \d\d+"))
    rows, columns = re.findall(r"(\d\d) (\d\d+)", screen.inner_text())[-1]
    assert int(rows) >= 20 and int(columns) >= 80
    keys.type("exit 5\n")
    expect(view).to_contain_text("exited with status 5")
    assert page.errors == []


def test_less_pages_through_a_text_and_follows_the_windows_size(opened, written):
    page, view, screen = started(opened, written, "console_less", BUSYBOX_TEXT,
                                 "%rumpboot busybox --terminal -- less /text", dark=True)
    keys = page.page.keyboard
    expect(screen).to_contain_text("this is line 0 ")
    keys.type("G")
    expect(screen).to_contain_text("this is line 299")
    keys.type("/line 42\n")
    keys.type("g")
    expect(screen).to_contain_text("this is line 0 ")
    page.shoot("console_less_dark", view)
    before = screen.locator("> div").count()
    view.locator(".rl-console-screen").evaluate("(place) => { place.style.height = '200px'; }")
    expect(screen.locator("> div")).not_to_have_count(before)
    keys.type("q")
    expect(view).to_contain_text("exited with status 0")
    assert page.errors == []


def test_watch_draws_again_and_again_until_it_is_interrupted(opened, written):
    page, view, screen = started(opened, written, "console_watch", BUSYBOX,
                                 "%rumpboot busybox --terminal -- watch -n 1 date")
    expect(screen).to_contain_text("Every 1")
    first = screen.inner_text()
    expect(screen).not_to_have_text(first)
    page.page.wait_for_timeout(2500)
    page.page.wait_for_function("(rows) => rows.innerText.split('Every 1').length === 2",
                                arg=screen.element_handle())
    page.shoot("console_watch", view)
    page.page.keyboard.press("Control+c")
    expect(view).to_contain_text("exited with status 130")
    assert page.errors == []


def test_a_second_view_shows_what_the_first_does(opened, written):
    page = opened(written("console_second", LOAD, BUSYBOX,
                          "%rumpboot busybox --terminal -- sh", "%rumpconsole busybox"))
    page.run_all(timeout_ms=240_000)
    first = page.output("%rumpboot busybox --terminal -- sh")
    second = page.output("%rumpconsole busybox")
    expect(second.locator(".xterm-rows")).to_contain_text("/ #")
    second.get_by_role("textbox", name="input to the guest's console").focus()
    page.page.keyboard.type("echo $((6 * 7)); stty size\n")
    for view in (first, second):
        expect(view.locator(".xterm-rows")).to_contain_text("42")
    # The question where the cursor is, which the shell asks, has one answer, not two.
    for view in (first, second):
        expect(view.locator(".xterm-rows")).not_to_contain_text("R/")
    page.page.keyboard.type("exit\n")
    for view in (first, second):
        expect(view).to_contain_text("exited with status 0")
    assert page.errors == []


def test_a_page_loaded_again_and_another_notebook_show_the_same_terminal(opened, written):
    page, view, screen = started(opened, written, "console_again", BUSYBOX,
                                 "%rumpboot busybox --terminal -- sh")
    expect(screen).to_contain_text("/ #")
    page.page.keyboard.type("echo marker-$((40 + 2))\n")
    expect(screen).to_contain_text("marker-42")
    page.save()
    page.page.reload()
    page.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.await_kernel()
    expect(screen).to_contain_text("marker-42")
    # The shell's old questions, shown again, were not answered again.
    view.get_by_role("textbox", name="input to the guest's console").focus()
    page.page.keyboard.type("echo again-$((50 + 1))\n")
    expect(screen).to_contain_text("again-51")
    assert "R" not in screen.inner_text()

    other = opened(written("console_other", LOAD, "%rumpconsole busybox"))
    other.run_all()
    there = other.output("%rumpconsole busybox")
    expect(there.locator(".xterm-rows")).to_contain_text("again-51")
    there.get_by_role("textbox", name="input to the guest's console").focus()
    other.page.keyboard.type("echo there-$((60 + 1)); exit 7\n")
    expect(there).to_contain_text("exited with status 7")
    expect(view).to_contain_text("exited with status 7")
    expect(screen).to_contain_text("there-61")
