"""The debugger's panel in a notebook: stops, buttons and keys, what is unfolded, other views."""

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

LOAD = "%load_ext kernel_magics"
SUMS = """%%rumpbuild sums --cflags -O0
#include <stdio.h>
struct node { int value; struct node *next; };
static struct node last = { 3, 0 }, first = { 1, &last };
int square(int n) {
    int result = n * n;
    return result;
}
int main(void) {
    struct node *at = &first;
    int total = 0;
    for (int i = 1; i < 1000000000; i++)
        total += square(i % 7 + at->value);
    printf("total %d\\n", total);
}"""
BOOT = "guest = %rumpboot sums --background --paused\nguest.debugger.break_at('square')"


@pytest.mark.parametrize("dark", [False, True])
def test_the_debugger_is_driven_with_buttons_and_keys(opened, written, dark):
    page = opened(written(f"debugger_{dark}", LOAD, SUMS, BOOT, "%rumpdebug sums",
                          "guest.threads", "guest.debugger.step(timeout=60)",
                          "guest.stop()"), dark=dark, size=(1280, 1500))
    for cell in range(5):
        page.run_cell(cell)
    view = page.outputs(3)
    tools = view.get_by_role("toolbar", name="go on")
    told = view.get_by_role("status").first
    calls = view.get_by_role("region", name="calls")
    points = view.get_by_role("region", name="breakpoints")
    expect(points.get_by_role("row").nth(1)).to_contain_text("square")
    expect(tools.get_by_role("button", name="interrupt")).to_have_attribute(
        "aria-disabled", "true")
    tools.get_by_role("button", name="continue").click()
    expect(told).to_contain_text("breakpoint 1")
    expect(view.get_by_label("source", exact=True)).to_contain_text("int result = n * n;")
    square = calls.get_by_role("listitem").first
    expect(square.locator("dl")).to_contain_text("(int)2")     # unfolded: it is selected
    main = calls.get_by_role("listitem").filter(
        has=page.page.locator("summary b", has_text="main")).first
    expect(main.locator("dl")).to_be_hidden()
    main.locator("summary").focus()
    page.page.keyboard.press("Enter")
    expect(main.locator("dl")).to_contain_text("total")
    expect(page.outputs(4).get_by_role("row").filter(has_text="main")).to_contain_text("running")
    page.page.keyboard.press("n")                              # to the next line
    expect(told).to_contain_text("stopped in square")
    expect(main.locator("summary")).to_be_focused()
    expect(main.locator("dl")).to_be_visible()                 # what was unfolded stays so
    page.page.keyboard.press("f")
    expect(told).to_contain_text("it returned (int)4")
    page.run_cell(5)                                           # a cell moves it as well
    expect(told).to_contain_text("stopped in main")
    page.shoot(f"debugger_{'dark' if dark else 'light'}", view)
    view.get_by_role("searchbox").fill("nf")                   # letters in a field are text
    view.get_by_role("searchbox").fill("")
    expect(told).to_contain_text("stopped in main")
    continues = tools.get_by_role("button", name="continue")
    continues.focus()
    page.page.keyboard.press("c")
    expect(told).to_contain_text("breakpoint 1")
    expect(continues).to_be_focused()
    expect(points.get_by_role("row").nth(1)).to_contain_text("2")
    assert page.errors == []
    # Breakpoints: beside a source line, by name, off and away.
    spot = view.get_by_role("button", name="breakpoint at line 12")
    spot.click()
    expect(spot).to_have_attribute("aria-pressed", "true")
    expect(points.get_by_role("row").nth(2)).to_contain_text("main at sums.c:12")
    spot.focus()
    page.page.keyboard.press("ArrowUp")
    expect(view.get_by_role("button", name="breakpoint at line 11")).to_be_focused()
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("b")
    expect(spot).to_have_attribute("aria-pressed", "false")
    expect(points.get_by_role("row")).to_have_count(2)
    field = view.get_by_role("textbox", name="set a breakpoint")
    field.fill("squar")
    field.press("Enter")
    expect(view.get_by_role("alert")).to_contain_text("did you mean square")
    expect(field).to_have_value("squar")
    field.fill("main if total > 100")
    field.press("Enter")
    expect(points.get_by_role("row").nth(2)).to_contain_text("if total > 100")
    expect(field).to_have_value("")
    view.get_by_role("button", name="disable 1").click()
    expect(points.get_by_role("row").nth(1)).to_contain_text("disabled")
    page.shoot(f"debugger_points_{'dark' if dark else 'light'}", view)
    expect(view.get_by_role("toolbar", name="go back")).to_be_hidden()
    view.get_by_role("button", name="remove 1").click()
    expect(points.get_by_role("row")).to_have_count(2)
    assert page.errors == []
    page.run_cell(6)
    expect(view.locator("[data-role=state]")).to_have_text("stopped")
    expect(continues).to_have_attribute("aria-disabled", "true")
    assert page.errors == []
