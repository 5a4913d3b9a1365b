"""A notebook that was saved with views, and is opened again when their kernel has gone."""

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(900)]

HELLO = "%%rumprun hello --trace all\n#include <stdio.h>\nint main(void) { puts(\"once\"); }"


def test_a_view_leaves_its_text_in_a_saved_notebook(opened, written):
    cells = ["%load_ext kernel_magics\nfrom kernel_magics.magics.session import notebook_lab",
             HELLO,
             "guest = notebook_lab().guest('hello')", "%rumptrace hello", "%rumplayers hello",
             "guest.boot_phases", "guest.image.sizes.tree", "guest.trace.flame('calls')"]
    told = {3: "rumpuser_malloc", 4: "rumpuser", 5: "firmware", 6: "bmk", 7: "calls of hello"}
    name = written("saved", *cells)
    page = opened(name)
    page.run_all()
    for cell in told:
        view = page.page.locator(".jp-CodeCell").nth(cell)
        view.scroll_into_view_if_needed()
        expect(view.locator(".rl").first).to_be_visible()
        expect(view.locator(".rumplab-twin")).to_be_hidden()
    page.save()
    page.end()

    again = opened(name)
    for cell, text in told.items():
        view = again.page.locator(".jp-CodeCell").nth(cell)
        view.scroll_into_view_if_needed()
        twin = view.locator(".rumplab-twin")
        expect(twin).to_be_visible()
        expect(twin).to_contain_text(text)
        expect(twin).to_contain_text("run the cell again for the live view")
        expect(view.get_by_text("model not found")).to_be_hidden()
    again.shoot("views_of_a_saved_notebook")
