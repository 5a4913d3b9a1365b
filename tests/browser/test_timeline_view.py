"""The timeline: from the keyboard and the mouse, tied to the table, with a million events."""

import re

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

LOAD = "%load_ext kernel_magics"
# A thousand calls of 60 µs, one each 100 µs, in two threads by turns; each tenth fails.
KNOWN = """import numpy as np, pandas as pd
from kernel_magics.widgets.trace.view import TraceView
COUNT = 1000
number = np.arange(COUNT)
table = pd.DataFrame({
    "time_ns": number * 100_000, "event": pd.Categorical.from_codes(number % 2, ["read", "write"]),
    "group": pd.Categorical(["syscall"] * COUNT), "kind": pd.Categorical(["call"] * COUNT),
    "thread": (1 + number % 2).astype("uint32"), "a0": np.uint64(3), "a1": np.uint64(0),
    "a2": np.uint64(0), "a3": np.uint64(0),
    "result": pd.array(np.where(number % 10 == 9, -9, 1), "Int64"),
    "duration_ns": pd.array([60_000] * COUNT, "Int64"), "caller": np.uint64(0),
    "sequence": number.astype("uint64")})
view = TraceView(table, name="known", thread_names={1: "reader"})
view"""
MILLION = KNOWN.replace("COUNT = 1000", "COUNT = 1_000_000").replace("COUNT)\n", "COUNT)\n", 1)
SAID = "print(view.selected, view.row['event'] if view.row is not None else None)"
LOOKS = 12


def picture(view):
    """Return the canvas of the lanes once the events are there."""
    lanes = view.get_by_role("application")
    expect(lanes).to_be_visible(timeout=60_000)
    return lanes


def drag(page, lanes, from_x: int, to_x: int, y: int = 60) -> None:
    """Drag over the picture, as a user measures."""
    box = lanes.bounding_box()
    page.page.mouse.move(box["x"] + from_x, box["y"] + y)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + to_x, box["y"] + y, steps=5)
    page.page.mouse.up()


def test_an_event_is_found_with_the_keyboard_and_leads_to_its_row_and_back(opened, written):
    page = opened(written("timeline_keys", LOAD, KNOWN, SAID, "view.select(500)"))
    page.run_cell(0)
    page.run_cell(1)
    view = page.outputs(1)
    lanes = picture(view)
    cells = page.page.locator(".jp-Cell").count()
    lanes.focus()
    keys = page.page.keyboard
    keys.press("n")
    detail = view.get_by_role("region", name="selected")
    expect(detail).to_contain_text("read")
    expect(detail).to_contain_text("fd=3")          # asked of Python
    keys.press("ArrowRight")                        # in its lane: row 2, the reader's next
    expect(detail).to_contain_text("200.000 µs")
    keys.press("ArrowDown")                         # the other thread's, at that time
    expect(detail).to_contain_text("write")
    keys.press("Home")
    for key in "aabbwsxd":                          # some are commands of JupyterLab
        keys.press(key)
    assert page.page.locator(".jp-Cell").count() == cells
    page.run_cell(2)
    # Two of them are as near: before and after it.
    expect(page.outputs(2)).to_contain_text(re.compile("[13] write"))

    lanes.focus()
    keys.press("Enter")
    row = view.locator("tr[aria-current]")
    expect(row).to_contain_text("write")
    expect(view.get_by_role("tab", name="Events")).to_have_attribute("aria-selected", "true")
    view.get_by_role("button", name="8", exact=True).click()
    expect(view.get_by_role("tab", name="Timeline")).to_have_attribute("aria-selected", "true")
    expect(detail).to_contain_text("800.000 µs")
    page.run_cell(3)                                # Python chooses, the picture follows
    expect(detail).to_contain_text("50.000\u202f000 ms")
    assert page.errors == []


def test_a_drag_measures_and_python_has_the_rows(opened, written):
    page = opened(written("timeline_drag", LOAD, KNOWN,
                          "print(len(view.inside), round(view.measured[1] - view.measured[0]))",
                          "view.measured = [0, 1_000_000]"))
    page.run_cell(0)
    page.run_cell(1)
    view = page.outputs(1)
    lanes = picture(view)
    drag(page, lanes, 100, 300)
    detail = view.get_by_role("region", name="selected")
    expect(detail).to_contain_text(re.compile(r"measured \d+\.\d ms"))
    share = 200 / lanes.bounding_box()["width"]
    page.run_cell(2)
    inside, took_ns = map(int, page.outputs(2).inner_text().split())
    assert took_ns == pytest.approx(share * 99_960_000 * 1.02, rel=0.02)
    assert inside == pytest.approx(took_ns / 100_000, abs=2)
    page.run_cell(3)
    expect(detail).to_contain_text("measured 1.00 ms")
    page.shoot("timeline_measured", view)
    lanes.focus()
    page.page.keyboard.press("Escape")
    expect(detail).not_to_contain_text("measured")
    assert page.errors == []


def test_a_filter_narrows_and_the_wheel_zooms_where_it_points(opened, written):
    page = opened(written("timeline_filter", LOAD, KNOWN,
                          *["print(*view.shown)"] * LOOKS))
    page.run_cell(0)
    page.run_cell(1)
    view = page.outputs(1)
    lanes = picture(view)
    told = view.get_by_role("status").first
    search = view.get_by_role("searchbox", name="filter the timeline")
    for text, matching in (("read", "500"), ("thread:2", "500"), ("thread:reader write", "0"),
                           ("r?ad layer:sys", "500"), ("nothing", "0")):
        search.fill(text)
        expect(told).to_have_text(re.compile(rf"^{matching} of 1\u202f000$"))
    search.fill("")
    view.get_by_role("combobox").select_option(label="≥ 100 µs")
    expect(told).to_have_text(re.compile("^0 of"))
    view.get_by_role("combobox").select_option(label="≥ 10 µs")
    expect(told).to_have_text("1\u202f000 of 1\u202f000")

    box = lanes.bounding_box()
    page.page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 40)
    page.page.keyboard.down("Control")
    for _ in range(6):
        page.page.mouse.wheel(0, -300)
        page.page.wait_for_timeout(50)
    page.page.keyboard.up("Control")
    for cell in range(2, 2 + LOOKS):  # what is seen is told once the wheel has come to rest
        page.page.wait_for_timeout(600)
        page.run_cell(cell)
        begin, end = map(float, page.outputs(cell).inner_text().split())
        if end - begin < 10_000_000:
            break
    assert end - begin < 10_000_000
    assert begin + (end - begin) * 0.75 == pytest.approx(75_000_000, rel=0.02)
    assert page.errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_guests_threads_and_layers_are_there_in_both_themes(opened, written, dark):
    source = """%%rumpbuild threads
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *work(void *name) {
    for (int i = 0; i < 40; i++) { printf("%s %d\\n", (char *)name, i); usleep(200); }
    return name;
}
int main(void) {
    pthread_t one, two;
    pthread_create(&one, NULL, work, "one");
    pthread_create(&two, NULL, work, "two");
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return access("/nowhere", 0) == 0;
}"""
    page = opened(written(f"timeline_guest_{dark}", LOAD, source,
                          "guest = %rumpboot threads --trace all", "%rumptrace threads"),
                  dark=dark, size=(1280, 1200))
    page.run_all()
    view = page.output("%rumptrace threads")
    lanes = picture(view)
    for title in ("running thread", "system calls", "hypercalls", "host exits"):
        expect(view.get_by_text(title).first).to_be_visible()
    page.page.wait_for_function("""(canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Set();
        for (let i = 0; i < data.length; i += 4)
            seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
        return seen.size > 10; }""", arg=lanes.element_handle())
    page.shoot(f"timeline_guest_{'dark' if dark else 'light'}", view)
    threads = view.get_by_role("button", name=re.compile("thread 2"))
    threads.press("Enter")
    expect(threads).to_have_attribute("aria-expanded", "false")
    assert page.errors == []


def test_a_million_events_are_zoomed_and_panned(opened, written):
    page = opened(written("timeline_million", LOAD, MILLION, SAID))
    page.run_cell(0)
    page.run_cell(1)
    view = page.outputs(1)
    lanes = picture(view)
    expect(view.get_by_role("status").first).to_have_text("1\u202f000\u202f000 events")
    lanes.focus()
    page.shoot("timeline_million", view)
    page.page.keyboard.press("End")
    page.page.keyboard.press("n")
    for key in "wwwwwwwwwwwwwwwwwwwwwwwwaaddaadd":
        page.page.keyboard.press(key)
    page.shoot("timeline_million_near", view)
    page.page.keyboard.press("End")
    page.page.wait_for_timeout(500)
    page.run_cell(2)
    expect(page.outputs(2)).to_contain_text("99999")
    frames = page.page.evaluate(
        "performance.getEntriesByName('rumplab timeline frame').map((frame) => frame.duration)")
    assert len(frames) > 5
    assert page.errors == []


def test_a_running_guests_trace_is_followed_and_keeps_what_was_zoomed_to(opened, written):
    source = """%%rumpbuild ticking
#include <stdio.h>
#include <unistd.h>
int main(void) {
    for (int i = 0;; i++) { printf("tick %d\\n", i); fflush(stdout); usleep(20000); }
}"""
    page = opened(written("timeline_live", LOAD, source,
                          "guest = %rumpboot ticking --trace syscalls --background",
                          "%rumptrace ticking", "%rumpstop ticking"))
    for cell in range(4):
        page.run_cell(cell)
    view = page.outputs(3)
    lanes = picture(view)
    told = view.locator(".rl-head .rl-soft").first
    first = int(re.sub(r"\D", "", told.inner_text()))
    lanes.focus()
    for key in "wwww":
        page.page.keyboard.press(key)
    view.get_by_role("searchbox", name="filter the timeline").fill("write")
    view.get_by_role("button", name="follow").click()
    expect(view.get_by_role("button", name="follow")).to_have_attribute("aria-pressed", "true")
    for _ in range(240):
        page.page.wait_for_timeout(250)
        if int(re.sub(r"\D", "", told.inner_text())) > first:
            break
    assert int(re.sub(r"\D", "", told.inner_text())) > first
    expect(view.get_by_role("searchbox", name="filter the timeline")).to_have_value("write")
    expect(view.get_by_role("status").first).to_contain_text(" of ")
    page.run_cell(4)
    expect(view.get_by_role("button", name="follow")).to_be_hidden()
    assert page.errors == []
