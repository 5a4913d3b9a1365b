"""The console view: output as it comes, input that reaches the guest."""

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(240)]

ECHO = """%%rumpbuild echo
#include <stdio.h>
int main(void) {
    char line[100];
    while (fgets(line, sizeof line, stdin)) {
        printf("\\033[32mheard\\033[0m %s", line);
        fflush(stdout);
    }
    puts("no more");
    return 4;
}"""
FLOOD = """%%rumpbuild flood
#include <stdio.h>
int main(void) {
    for (int i = 0; i < 60000; i++) printf("line %d of a flood\\n", i);
    puts("the end");
}"""


def test_a_line_typed_reaches_the_guest_and_its_answer_comes_back(opened, written):
    page = opened(written("console_echo", "%load_ext kernel_magics", ECHO,
                          "%rumpboot echo --background"))
    page.run_all()
    view = page.output("%rumpboot echo --background")
    expect(view).to_contain_text("running")
    line = view.get_by_role("textbox", name="input to the guest's console")
    line.fill("one two")
    line.press("Enter")
    log = view.get_by_role("log")
    expect(log).to_contain_text("heard one two")
    expect(log.locator(".rl-ink-2")).to_have_text("heard")
    line.fill("three")
    line.press("Enter")
    expect(log).to_contain_text("heard three")
    line.press("ArrowUp")
    line.press("ArrowUp")
    expect(line).to_have_value("one two")
    page.shoot("console_echo", view)
    line.press("Escape")
    expect(log).to_be_focused()
    line.press("Control+d")
    expect(log).to_contain_text("no more")
    expect(view).to_contain_text("exited with status 4")
    expect(line).to_be_disabled()
    assert page.errors == []


def test_the_console_works_while_a_cell_is_running(opened, written):
    page = opened(written("console_busy", "%load_ext kernel_magics", ECHO,
                          "%rumpboot echo --background", "import time\ntime.sleep(30)",
                          "%rumpstop echo"))
    for cell in range(3):
        page.run_cell(cell)
    page.run_cell(3, wait=False)
    view = page.output("%rumpboot echo --background")
    line = view.get_by_role("textbox", name="input to the guest's console")
    line.fill("are you there")
    line.press("Enter")
    expect(view.get_by_role("log")).to_contain_text("heard are you there", timeout=10_000)
    page.interrupt()
    page.run_cell(4)


def test_a_flood_leaves_the_browser_with_the_end_of_it(opened, written):
    page = opened(written("console_flood", "%load_ext kernel_magics", FLOOD,
                          "guest = %rumpboot flood --background",
                          "%rumpconsole flood", "guest.wait(120)\nguest.console.lost_bytes"))
    page.run_all()
    log = page.output("%rumpconsole flood").get_by_role("log")
    expect(log).to_contain_text("the end", timeout=60_000)
    assert log.locator("> div").count() <= 5001
    assert page.errors == []


def test_a_flood_in_the_cell_shows_both_ends_and_says_what_is_left_out(opened, written):
    page = opened(written("console_flood_cell", "%load_ext kernel_magics", FLOOD,
                          "%rumpboot flood"))
    page.run_all()
    output = page.output("%rumpboot flood")
    expect(output).to_contain_text("line 0 of a flood")
    expect(output).to_contain_text("characters of output are not shown here")
    expect(output).to_contain_text("the end")
    expect(output).to_contain_text("exited with status 0")
