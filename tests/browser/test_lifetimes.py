"""Interrupts, restarts, two notebooks, and mistakes, as JupyterLab shows them."""

import pytest
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.timeout(900)]

LOAD = "%load_ext kernel_magics"
LOOP = '%%rumpbuild loop\n#include <stdio.h>\nint main(void) { puts("looping"); for (;;); }'


def test_an_interrupt_ends_the_wait_and_leaves_the_guest(opened, written):
    page = opened(written("interrupt", LOAD, LOOP, "%rumpboot loop", "%rumpps",
                          "%rumpstop loop", "%rumpps"))
    page.run_cell(0)
    page.run_cell(1)
    page.run_cell(2, wait=False)
    boot = page.output("%rumpboot loop")
    expect(boot).to_contain_text("looping", timeout=90_000)
    page.interrupt()
    expect(boot).to_contain_text("guest loop goes on running")
    expect(boot).to_contain_text("%rumpstop loop ends it")
    expect(boot).not_to_contain_text("Traceback")
    page.shoot("interrupted", boot)
    page.run_cell(3)
    expect(page.outputs(3)).to_contain_text("running")
    page.run_cell(4)
    expect(page.outputs(4)).to_contain_text("loop stopped")
    page.run_cell(5)
    expect(page.outputs(5)).to_contain_text("stopped")


def test_a_guest_survives_a_restart_of_the_kernel_and_can_be_stopped(opened, written):
    page = opened(written("restart", LOAD, LOOP, "%rumpboot loop --background", "%rumpps",
                          "%rumpstop loop"))
    for cell in range(3):
        page.run_cell(cell)
    page.restart_kernel()
    page.run_cell(0)
    page.run_cell(3)
    expect(page.outputs(3)).to_contain_text("loop")
    expect(page.outputs(3)).to_contain_text("running")
    expect(page.outputs(3)).to_contain_text("survived")
    page.run_cell(4)
    expect(page.outputs(4)).to_contain_text("loop stopped")


def test_two_notebooks_see_each_others_guests_and_do_not_collide(opened, written):
    one = opened(written("one", LOAD, LOOP, "%rumpboot loop --background", "%rumpstop loop"))
    two = opened(written("two", LOAD, LOOP, "%rumpboot loop --background", "%rumpps",
                         "%rumpstop loop-2", "%rumpps"))
    for cell in range(3):
        one.run_cell(cell)
    for cell in range(4):
        two.run_cell(cell)
    expect(two.outputs(2)).to_contain_text("loop-2")
    expect(two.outputs(3)).to_contain_text("another notebook")
    expect(two.outputs(3)).to_contain_text("this notebook")
    two.run_cell(4)
    expect(two.outputs(4)).to_contain_text("loop-2 stopped")
    one.run_cell(3)
    expect(one.outputs(3)).to_contain_text("loop stopped")


def test_a_mistyped_option_stops_run_all_with_two_lines(opened, written):
    page = opened(written("typo", LOAD, "%rumpboot hello --memroy 64", "print('not reached')"))
    page.run_all(wait_all=False)
    wrong = page.outputs(1)
    expect(wrong).to_contain_text("did you mean --memory?")
    expect(wrong).not_to_contain_text("Traceback")
    page.shoot("mistyped", wrong)
    expect(page.outputs(2)).to_have_count(0)


def test_a_compile_error_stops_run_all_under_its_line(opened, written):
    page = opened(written("broken", LOAD, "%%rumpbuild broken\nint main(void) {\n    return x;\n}",
                          "print('not reached')"))
    page.run_all(wait_all=False)
    expect(page.outputs(1)).to_contain_text("3 |     return x;")
    expect(page.outputs(1)).not_to_contain_text("Traceback")
    expect(page.outputs(2)).to_have_count(0)


def test_tab_completes_an_option_in_the_notebook(opened, written):
    page = opened(written("tab", LOAD, "%rumpboot hello --memo"))
    page.run_cell(0)
    editor = page.page.locator(".jp-CodeCell .cm-content").nth(1)
    editor.click()
    page.page.keyboard.press("End")
    for _ in range(30):  # JupyterLab gives a completion one second, then forgets it
        page.page.keyboard.press("Tab")
        page.page.wait_for_timeout(1500)
        if "--memory" in editor.inner_text():
            break
    expect(editor).to_contain_text("--memory")


def test_a_question_mark_shows_the_manual(opened, written):
    page = opened(written("manual", LOAD, "%rumpboot?"))
    page.run_all()
    expect(page.outputs(1)).to_contain_text("boot an image; show its console")
    expect(page.outputs(1)).to_contain_text("--memory, --mem MIB")
