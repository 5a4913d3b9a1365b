"""What is seen inside guests of upstream Rumprun: threads, memory, locks, panic, debugger."""

from pathlib import Path

import pytest
from capabilities import need
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(900)]

PROGRAMS = Path(__file__).parents[1] / "guest" / "rumprun_inspected"
LOAD = "%load_ext kernel_magics"
BUILD = "%%rumpbuild NAME --kit rumprun --cflags '-O1 -g'\n"
BOOT = "guest = %rumpboot NAME --memory 64 --background --wait ready"


def build(name):
    """A cell that builds one of the programs."""
    return BUILD.replace("NAME", name) + (PROGRAMS / f"{name}.c").read_text()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_threads_memory_locks_and_files(opened, written, dark):
    need("rumprun")
    page = opened(written(f"rumprun_inside_{dark}", LOAD, build("known"),
                          BOOT.replace("NAME", "known"), "guest.threads", "guest.memory",
                          "guest.locks", "guest.files", "guest.stop()"),
                  dark=dark, size=(1280, 1500))
    for cell in range(7):
        page.run_cell(cell)
    shade = "dark" if dark else "light"
    threads = page.outputs(3)
    table = threads.get_by_role("region", name="Threads of known").and_(
        threads.locator(".rl-scroll"))
    stuck = table.get_by_role("row").filter(has_text="is_stuck")
    expect(stuck).to_contain_text("mutex held held by thread")
    stuck.click()
    told = threads.get_by_role("region", name="details")
    frame = told.get_by_role("listitem").filter(has_text="locks").first
    expect(frame).to_contain_text("app")
    expect(told.get_by_text("bmk_sched_block", exact=True)).to_be_visible()
    page.shoot(f"rumprun_threads_{shade}", threads)
    memory = page.outputs(4)
    expect(memory.get_by_role("listitem").filter(has_text="free")).to_contain_text("MiB")
    expect(memory.get_by_role("listitem").filter(has_text="program's heap")).to_contain_text("KiB")
    memory.get_by_role("searchbox").fill("(reads)")
    regions = memory.get_by_role("region", name="Memory of known").and_(
        memory.locator(".rl-scroll"))
    expect(regions.get_by_role("row")).to_have_count(2)
    regions.get_by_role("row").nth(1).click()
    expect(memory.get_by_role("region", name="details")).to_contain_text("stack of thread")
    page.shoot(f"rumprun_memory_{shade}", memory)
    expect(page.outputs(5)).to_contain_text("table")
    expect(page.outputs(6)).to_contain_text("/tmp/folder/notes.txt")
    page.shoot(f"rumprun_locks_{shade}", page.outputs(5))
    page.run_cell(7)
    assert page.errors == []


def test_a_panic_and_the_debuggers_panel(opened, written):
    need("rumprun")
    page = opened(written("rumprun_crash", LOAD, build("crashing"),
                          "from kernel_magics.errors import GuestPanic\n"
                          "guest = %rumpboot crashing --memory 64 --background -- null\n"
                          "try: guest.wait(60)\nexcept GuestPanic: pass\nguest.panic",
                          "guest = %rumpboot crashing --memory 64 --background --paused -- null\n"
                          "guest.debugger.break_at('third_of')", "%rumpdebug crashing",
                          "guest.stop()"), size=(1280, 1900))
    for cell in range(5):
        page.run_cell(cell)
    report = page.outputs(2)
    expect(report).to_contain_text("crashing panicked: null pointer in use")
    expect(report).to_contain_text("return node->value; /* USED */")
    report.get_by_text("registers", exact=True).click()
    expect(report).to_contain_text("rip")
    page.shoot("rumprun_panic", report)
    view = page.outputs(4)
    tools = view.get_by_role("toolbar", name="go on")
    told = view.get_by_role("status").first
    calls = view.get_by_role("region", name="calls")
    tools.get_by_role("button", name="continue").click()
    expect(told).to_contain_text("breakpoint 1", timeout=30_000)
    expect(calls.get_by_role("listitem").first).to_contain_text("third_of")
    expect(view.get_by_label("source", exact=True)).to_contain_text("node->next->next")
    tools.get_by_role("button", name="continue").click()
    expect(told).to_contain_text("panics in cpu_fattrap", timeout=30_000)
    expect(calls.get_by_role("listitem").filter(has_text="third_of").first).to_contain_text(
        "app")
    page.shoot("rumprun_debugger", view)
    page.run_cell(5)
    assert page.errors == []
