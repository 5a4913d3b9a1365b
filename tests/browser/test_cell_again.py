"""A cell that is run again and again leaves nothing behind."""

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(900)]

SLEEP = """%%rumpbuild asleep
#include <stdio.h>
#include <unistd.h>
int main(void) { puts("ready"); fflush(stdout); pause(); }"""
LEFT = """import threading, time
from ipywidgets.widgets.widget import _instances
def threads():
    return sum(one.name.startswith("view Threads") for one in threading.enumerate())
end_s = time.monotonic() + 60
while threads() > 1 and time.monotonic() < end_s:
    time.sleep(0.05)
print(sum(type(one).__name__ == "ListingView" for one in _instances.values()), "views,",
      threads(), "threads")"""


def test_a_cell_that_is_run_ten_times_has_one_view_and_one_thread(opened, written):
    page = opened(written("again", "%load_ext kernel_magics", SLEEP,
                          "guest = %rumpboot asleep --wait ready --background", "guest.threads",
                          LEFT, "%rumpstop asleep"))
    for cell in range(3):
        page.run_cell(cell)
    for run in range(4, 14):
        page.run_cell(3, wait=False)
        prompt = page.page.locator(".jp-CodeCell .jp-InputPrompt").nth(3)
        expect(prompt).to_have_text(f"[{run}]:", timeout=60_000)
    expect(page.outputs(3)).to_contain_text("Threads of asleep")
    page.run_cell(4)
    expect(page.outputs(4)).to_contain_text("1 views, 1 threads", timeout=90_000)
    page.run_cell(5)
    assert page.errors == []
