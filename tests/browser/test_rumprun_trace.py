"""The trace view of upstream Rumprun's guests: baked in, and from outside."""

import pytest
from capabilities import need
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

PROGRAM = """%%rumpbuild {name} --kit rumprun {more}
#include <stdio.h>
#include <unistd.h>
int main(void) {{
    for (int i = 0; i < 20; i++) {{ puts("x"); usleep(1000); }}
    return 0;
}}"""
SHOWN = {"baked": ("--trace", "upstream"), "outside": ("", "plain")}


@pytest.mark.parametrize("way", SHOWN)
def test_a_rumprun_guest_has_the_same_view_of_its_trace(opened, written, way):
    need("rumprun")
    more, name = SHOWN[way]
    page = opened(written(
        f"trace_rumprun_{way}", "%load_ext kernel_magics", PROGRAM.format(name=name, more=more),
        f"guest = %rumpboot {name} --memory 64 --trace hypercalls,switch,wakeup",
        f"%rumptrace {name}"))
    page.run_all()
    view = page.output(f"%rumptrace {name}")
    timeline = view.get_by_role("tab", name="Timeline")
    expect(timeline).to_be_visible()
    assert ("traced from outside" in view.inner_text()) == (way == "outside")
    page.shoot(f"trace_rumprun_{way}", view)

    view.get_by_role("tab", name="Calls").click()
    calls = view.get_by_role("region", name="calls")
    made = calls.get_by_role("row").filter(has=page.page.get_by_text("rumpuser_thread_create",
                                                                     exact=True))
    made.get_by_role("button", name="events").click()
    events = view.get_by_role("region", name="events")
    expect(events).to_contain_text('name="ioflush"')
    page.shoot(f"trace_rumprun_{way}_events", view)
    assert page.errors == []
