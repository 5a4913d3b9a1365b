"""What the layer view costs while it is live: the kernel's processor time, and the browser's."""

import time
from pathlib import Path
from typing import Any

from .measuring import Report
from .notebook_page import notebook_page, task_seconds

__all__ = ["run"]

_BOOT = """%load_ext kernel_magics
%%rumpbuild ticker
#include <stdio.h>
#include <time.h>
int main(void) {
    for (;;) {
        puts("tick");
        nanosleep(&(struct timespec){0, 1000000}, 0);
    }
}"""
_CLOCK = "import os; print(os.getpid())"


def run(quick: bool) -> Report:
    """Show the view and take it away by turns, over a guest that makes calls all the time."""
    report = Report("layers_live", quick)
    report.note("four samples a second of a guest that ticks each millisecond; shares of one"
                " processor")
    rounds, seconds = (1, 3.0) if quick else (5, 8.0)
    shown: list[tuple[float, float]] = []
    hidden: list[tuple[float, float]] = []
    load, build = _BOOT.split("\n", 1)
    with notebook_page(load, build, "%rumpboot ticker --trace off --background\nNone", _CLOCK,
                       "%rumplayers ticker", "%rumpstop ticker") as page:
        for cell in range(4):
            page.run_cell(cell)
        process = int(page.outputs(3).inner_text())
        for _ in range(rounds):
            hidden.append(_shares(page, process, seconds))
            page.run_cell(4)
            page.page.wait_for_selector(".rl-layers")
            page.page.wait_for_timeout(1500)
            shown.append(_shares(page, process, seconds))
            _clear(page)
        page.run_cell(5)
    kernel = report.measure("kernel, view live", "%", [one for one, _ in shown])
    report.measure("kernel, no view", "%", [one for one, _ in hidden])
    browser = report.measure("browser, view live", "%", [one for _, one in shown])
    report.measure("browser, no view", "%", [one for _, one in hidden])
    extra = [(live[0] - idle[0], live[1] - idle[1])
             for live, idle in zip(shown, hidden, strict=True)]
    report.measure("kernel's cost of the view", "%", [one for one, _ in extra], at_most=5)
    report.measure("browser's cost of the view", "%", [one for _, one in extra], at_most=10)
    assert kernel.samples and browser.samples
    return report


def _clear(page: Any) -> None:
    """Take the layer view away, as a user clears a cell's output, and wait for its quiet."""
    page.page.evaluate("""() => {
        const notebook = jupyterapp.shell.currentWidget.content;
        notebook.widgets.forEach((cell) => {
            if (cell.model.sharedModel.source.includes('rumplayers'))
                cell.model.outputs.clear();
        });
    }""")
    page.page.wait_for_timeout(1000)


def _shares(page: Any, process: int, seconds: float) -> tuple[float, float]:
    """Return the kernel's and the page's part of a processor, in percent."""
    began, kernel, browser = time.monotonic(), _cpu_s(process), task_seconds(page)
    page.page.wait_for_timeout(seconds * 1000)
    took = time.monotonic() - began
    return (100 * (_cpu_s(process) - kernel) / took,
            100 * (task_seconds(page) - browser) / took)


def _cpu_s(process: int) -> float:
    """Return the processor time of a process; proc(5), schedstat is in nanoseconds."""
    spent = 0
    for thread in Path(f"/proc/{process}/task").iterdir():
        try:
            spent += int((thread / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # it has ended
            continue
    return spent / 1e9
