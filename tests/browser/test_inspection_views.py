"""Threads, memory, trees, probes and panics as a cell returns them: pointed at, typed at, live."""

import re

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

LOAD = "%load_ext kernel_magics"
WAITERS = """%%rumpbuild waiters
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *wait_for_it(void *name) {
    int depth = 41;
    pthread_mutex_lock(&lock);
    return depth ? name : NULL;
}
static void *spin(void *name) {
    for (;;) { for (volatile int i = 0; i < 200000; i++); usleep(1000); }
    return name;
}
int main(void) {
    pthread_t waiter, spinner;
    fopen("/report.txt", "w");
    pthread_mutex_lock(&lock);
    pthread_create(&waiter, NULL, wait_for_it, NULL);
    pthread_create(&spinner, NULL, spin, NULL);
    sleep(1);
    puts("waiting");
    fflush(stdout);
    getchar();
    *(volatile int *)8 = 1;
}"""
CROSSED = """%%rumpbuild crossed
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static pthread_mutex_t outer = PTHREAD_MUTEX_INITIALIZER, inner = PTHREAD_MUTEX_INITIALIZER;
static volatile int outer_held, inner_held;
static void *cross(void *name) {
    pthread_mutex_lock(&inner);
    inner_held = 1;
    while (!outer_held) usleep(1000);
    pthread_mutex_lock(&outer);
    return name;
}
int main(void) {
    pthread_t other;
    puts("waiting");
    fflush(stdout);
    pthread_create(&other, NULL, cross, NULL);
    pthread_mutex_lock(&outer);
    outer_held = 1;
    while (!inner_held) usleep(1000);
    pthread_mutex_lock(&inner);
}"""
BOOT = "guest = %rumpboot waiters --background\nguest.console.expect('waiting', timeout=60)"


def test_a_threads_calls_source_and_variables_unfold_and_its_time_moves(opened, written):
    page = opened(written("threads", LOAD, WAITERS, BOOT, "guest.threads", "guest.stop()"),
                  size=(1280, 1300))
    for cell in range(4):
        page.run_cell(cell)
    view = page.outputs(3)
    table = view.get_by_role("region", name="Threads of waiters").and_(view.locator(".rl-scroll"))
    waiting = table.get_by_role("row").filter(has_text="mutex")
    expect(waiting).to_have_count(1)
    waiting.click()
    told = view.get_by_role("region", name="details")
    frame = told.get_by_role("listitem").filter(has_text="wait_for_it")
    expect(frame).to_contain_text("app")
    frame.locator("summary").click()
    expect(frame).to_contain_text("pthread_mutex_lock(&lock)")
    expect(told.get_by_text("switch_away")).to_be_visible()
    page.page.keyboard.press("Escape")
    waiting.focus()
    before = table.inner_text()
    page.page.keyboard.press("ArrowDown")           # the row below, and its calls
    expect(told).not_to_contain_text("wait_for_it")
    expect(table.locator("[aria-selected=true]")).to_be_focused()
    page.page.wait_for_function(                    # the spinner's time
        "([table, before]) => table.innerText !== before", arg=[table.element_handle(), before])
    table.get_by_role("button", name="cpu").click()
    expect(table.get_by_role("columnheader", name="cpu")).to_have_attribute(
        "aria-sort", "descending")
    view.get_by_role("searchbox").fill("no such thread")
    expect(view.get_by_role("status")).to_contain_text("0 of")
    page.shoot("threads", view)
    page.run_cell(4)
    expect(view.locator("[data-role=state]")).not_to_have_text("running")
    assert page.errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_memory_is_seen_by_page_and_by_region(opened, written, dark):
    page = opened(written(f"memory_{dark}", LOAD, WAITERS, BOOT, "guest.memory", "guest.files",
                          "guest.stop()"), dark=dark, size=(1280, 1300))
    for cell in range(5):
        page.run_cell(cell)
    view = page.outputs(3)
    pages = view.get_by_role("application")
    pages.focus()
    told = view.get_by_role("status").first
    page.page.keyboard.press("ArrowRight")
    expect(told).to_have_text(re.compile("^0x0: "))
    page.page.keyboard.press("ArrowDown")
    expect(told).to_have_text(re.compile("^0x[0-9a-f]+000: "))
    expect(view.get_by_role("listitem").filter(has_text="free")).to_contain_text("MiB")
    regions = view.get_by_role("region", name="Memory of waiters").and_(view.locator(".rl-scroll"))
    view.get_by_role("searchbox").fill(".text.vfs")
    expect(regions.get_by_role("row")).to_have_count(2)
    regions.get_by_role("row").nth(1).click()
    expect(view.get_by_role("region", name="details")).to_contain_text("text of vfs")
    page.shoot(f"memory_{'dark' if dark else 'light'}", view)
    expect(page.outputs(4)).to_contain_text("/report.txt")
    page.run_cell(5)
    assert page.errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_deadlock_stands_above_the_locks_with_the_calls_of_those_in_it(opened, written, dark):
    page = opened(written(f"locks_{dark}", LOAD, CROSSED, BOOT.replace("waiters", "crossed"),
                          "import time\nwhile not guest.locks.deadlocks: time.sleep(0.05)\n"
                          "guest.locks", "guest.stop()"), dark=dark, size=(1280, 1300))
    for cell in range(4):
        page.run_cell(cell)
    view = page.outputs(3)
    expect(view.get_by_role("list", name="problems")).to_contain_text("deadlock: thread")
    table = view.get_by_role("region", name="Locks of crossed").and_(view.locator(".rl-scroll"))
    mine = table.get_by_role("row").filter(has_text="inner")
    expect(mine).to_contain_text("crossed.c:")
    mine.click()
    told = view.get_by_role("region", name="details")
    expect(told).to_contain_text("holder: ")
    call = told.get_by_role("listitem").filter(has_text=re.compile(r"^\s*cross\b"))
    expect(call.first).to_contain_text("app")
    page.shoot(f"locks_{'dark' if dark else 'light'}", view)
    page.run_cell(4)
    assert page.errors == []


def test_a_tree_of_sizes_is_zoomed_searched_and_walked(opened, written):
    page = opened(written("tree", LOAD, WAITERS, "lab_image = _\nlab_image.sizes.tree"))
    for cell in range(3):
        page.run_cell(cell)
    view = page.outputs(2)
    picture = view.get_by_role("application")
    picture.focus()
    told = view.get_by_role("status").filter(has_text="of all")
    page.page.keyboard.press("ArrowDown")
    expect(told).to_contain_text("layer")
    page.page.keyboard.press("Enter")
    parts = view.get_by_role("region", name="parts")
    expect(parts).to_contain_text("object")
    page.page.keyboard.press("Escape")
    expect(parts).to_contain_text("layer")
    view.get_by_role("searchbox").fill("rumpuser_mutex")
    expect(view.get_by_text(re.compile(r"^\d+ with .* %$"))).to_be_visible()
    parts.get_by_role("button", name="vfs", exact=True).click()
    expect(view.get_by_role("navigation")).to_contain_text("vfs")
    page.shoot("tree", view)
    assert page.errors == []


def test_a_panic_is_told_with_its_line_and_survives_as_html(opened, written):
    page = opened(written("panic", LOAD, WAITERS, BOOT,
                          "guest.console.send('x\\n')\n"
                          "import time\n"
                          "while guest.state == 'running': time.sleep(0.05)\n"
                          "guest.panic",
                          "from kernel_magics.widgets.panics.report import panic_html\n"
                          "print('script' in panic_html(guest.panic))"), size=(1280, 1300))
    for cell in range(5):
        page.run_cell(cell)
    view = page.outputs(3)
    expect(view).to_contain_text("waiters panicked")
    expect(view).to_contain_text("*(volatile int *)8 = 1;")
    expect(view.get_by_role("listitem").filter(has_text="main").first).to_contain_text("app")
    view.get_by_text("registers", exact=True).click()
    expect(view).to_contain_text("rip")
    page.shoot("panic", view)
    expect(page.outputs(4)).to_contain_text("False")
    assert page.errors == []
