"""The trace view: sorted, filtered, paged, from the keyboard too."""

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

WRITER = """%%rumpbuild writer
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 300; i++) write(1, "x\\n", 2);
}"""


def test_calls_are_sorted_and_lead_to_their_events(opened, written):
    page = opened(written("trace_view", "%load_ext kernel_magics", WRITER,
                          "guest = %rumpboot writer --trace all", "%rumptrace writer"))
    page.run_all()
    view = page.output("%rumptrace writer")
    view.get_by_role("tab", name="Calls").click()
    calls = view.get_by_role("region", name="calls")
    view.get_by_role("button", name="calls").click()
    expect(calls.get_by_role("columnheader", name="calls")).to_have_attribute(
        "aria-sort", "descending")
    write = calls.get_by_role("row").filter(has=page.page.get_by_text("write", exact=True))
    expect(write).to_contain_text("300")

    write.get_by_role("button", name="events").click()
    events = view.get_by_role("region", name="events")
    told = view.get_by_role("status").filter(visible=True)
    expect(told).to_contain_text("1–200 of 300")
    expect(events).to_contain_text('fd=1<stdout>, buf="x\\n"')
    view.get_by_role("button", name="later events").click()
    expect(told).to_contain_text("201–300 of 300")
    page.shoot("trace_events", view)

    view.get_by_role("searchbox").fill("rumpuser_init")
    expect(events.get_by_role("row")).to_have_count(2)
    view.get_by_role("searchbox").fill("rumpuser_inti")
    expect(told).to_contain_text("did you mean rumpuser_init")
    view.get_by_role("searchbox").fill("symlinkat")
    expect(told).to_have_text("no event matches")
    view.get_by_role("tab", name="Events").press("ArrowLeft")
    expect(view.get_by_role("tab", name="Calls")).to_be_focused()
    expect(calls).to_be_visible()
    assert page.errors == []
