"""The console view: output as it comes, input that reaches the guest."""

import pytest
from jupyter import PROJECT, expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

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
MUCH = """%%rumpbuild much
#include <stdio.h>
int main(void) {
    for (int i = 0; i < 60000; i++) printf("line %d of a flood\\n", i);
    puts("the end");
}"""
FLOOD = PROJECT / "tests" / "guest" / "console_programs" / "flood.c"
COUNTING = """%%rumpbuild counting
#include <stdio.h>
#include <string.h>
int main(void) {
    static char line[4096];
    long lines = 0, bytes = 0;
    while (fgets(line, sizeof line, stdin)) { lines++; bytes += strlen(line); }
    printf("%ld lines, %ld bytes\\n", lines, bytes);
}"""
LINES = """%%rumpbuild lines
#include <stdio.h>
int main(void) {
    for (int i = 0; i < 2000; i++) printf("line %d\\n", i);
    fflush(stdout);
    getchar();
}"""


def keyboard_of(view):
    """Put the focus where a console takes its keys; return the place."""
    keys = view.get_by_role("textbox", name="input to the guest's console")
    keys.focus()
    return keys


def test_what_is_typed_reaches_the_guest_and_its_answer_comes_back(opened, written):
    page = opened(written("console_echo", "%load_ext kernel_magics", ECHO,
                          "%rumpboot echo --background"))
    page.run_all()
    view = page.output("%rumpboot echo --background")
    expect(view).to_contain_text("running")
    keys, keyboard = keyboard_of(view), page.page.keyboard
    keyboard.type("one twp")
    keyboard.press("Backspace")
    keyboard.type("o\n")
    log = view.get_by_role("log")
    expect(log).to_contain_text("heard one two")
    expect(view.locator(".xterm-rows .xterm-fg-2").first).to_have_text("heard")
    # JupyterLab's own keys are the guest's here: none of these runs a cell or hides a panel.
    cells = page.page.locator(".jp-CodeCell").count()
    for key in ("Control+b", "Shift+Enter", "Control+Enter", "Escape"):
        keyboard.press(key)
    keyboard.type("dda\n")
    expect(log).to_contain_text("dda")
    assert page.page.locator(".jp-CodeCell").count() == cells
    expect(keys).to_be_focused()
    page.shoot("console_echo", view)
    keyboard.press("Shift+Escape")
    expect(keys).not_to_be_focused()
    keys.focus()
    keyboard.press("Control+d")
    expect(log).to_contain_text("no more")
    expect(view).to_contain_text("exited with status 4")
    assert page.errors == []


def test_a_paste_of_many_lines_arrives_whole(opened, written):
    page = opened(written("console_paste", "%load_ext kernel_magics", COUNTING,
                          "%rumpboot counting --background"))
    page.run_all()
    view = page.output("%rumpboot counting --background")
    expect(view).to_contain_text("running")
    text = "".join(f"line {number} of what is pasted\n" for number in range(2000))
    keyboard_of(view).evaluate("""(place, text) => {
        const data = new DataTransfer();
        data.setData("text/plain", text);
        place.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    }""", text)
    page.page.keyboard.press("Control+d")
    expect(view.get_by_role("log")).to_contain_text(f"2000 lines, {len(text)} bytes",
                                                    timeout=60_000)
    assert page.errors == []


def test_the_console_works_while_a_cell_is_running(opened, written):
    page = opened(written("console_busy", "%load_ext kernel_magics", ECHO,
                          "%rumpboot echo --background", "import time\nwhile True: time.sleep(0.1)",
                          "%rumpstop echo"))
    for cell in range(3):
        page.run_cell(cell)
    page.run_cell(3, wait=False)
    view = page.output("%rumpboot echo --background")
    keyboard_of(view)
    page.page.keyboard.type("are you there\n")
    expect(view.get_by_role("log")).to_contain_text("heard are you there")
    page.interrupt()
    page.run_cell(4)


@pytest.mark.parametrize("seconds", [1.2, 5])
def test_the_view_shows_every_byte_of_ten_megabytes_a_second(opened, written, seconds):
    rate = 10_000_000
    size_bytes = int(rate * seconds) // 16 * 16
    page = opened(written("console_flood", "%load_ext kernel_magics",
                          f"%%rumpbuild flood\n{FLOOD.read_text()}",
                          f"guest = %rumpboot flood --background -- {size_bytes} 4096 {rate}",
                          "%rumpconsole flood"))
    page.run_all()
    view = page.output("%rumpconsole flood")
    keyboard_of(view)
    page.page.keyboard.press("Enter")
    section = view.locator(".rl-console")
    expect(view).to_contain_text("exited with status 0", timeout=60_000)
    last = view.locator(".xterm-rows")
    expect(last).to_contain_text(" ns", timeout=120_000)
    expect(last).to_contain_text(f"{size_bytes // 16 - 1:015d}")
    taken_ns = int(last.inner_text().split(" ns")[0].split()[-1])
    shown = size_bytes + len(f"\n{taken_ns} ns\n")  # the echo of Enter, too
    expect(section).to_have_attribute("data-shown", str(shown))
    assert section.get_attribute("data-skipped") == "0"
    assert page.errors == []


def test_find_goes_to_what_scrolled_away(opened, written):
    page = opened(written("console_find", "%load_ext kernel_magics", LINES,
                          "%rumpboot lines --background"))
    page.run_all()
    view = page.output("%rumpboot lines --background")
    expect(view.get_by_role("log")).to_contain_text("line 1999")
    keyboard_of(view)
    page.page.keyboard.press("Control+Shift+F")
    field = view.get_by_role("searchbox", name="find in the console")
    expect(field).to_be_focused()
    field.fill("line 77")
    expect(view.locator(".rl-console-find")).to_contain_text("of 11")
    expect(view.locator(".xterm-rows")).to_contain_text("line 77")
    page.shoot("console_find", view)
    field.fill("nothing like it")
    expect(view.locator(".rl-console-find")).to_contain_text("not found")
    field.press("Escape")
    expect(field).to_be_hidden()
    expect(view.get_by_role("textbox", name="input to the guest's console")).to_be_focused()
    assert page.errors == []


def test_a_flood_in_the_cell_shows_both_ends_and_says_what_is_left_out(opened, written):
    page = opened(written("console_flood_cell", "%load_ext kernel_magics", MUCH,
                          "%rumpboot much"))
    page.run_all()
    output = page.output("%rumpboot much")
    expect(output).to_contain_text("line 0 of a flood")
    expect(output).to_contain_text("characters of output are not shown here")
    expect(output).to_contain_text("the end")
    expect(output).to_contain_text("exited with status 0")
