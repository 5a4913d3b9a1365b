"""The timeline at a million events beside ten thousand, while it is zoomed and panned."""

from typing import Any

from .measuring import Report
from .notebook_page import notebook_page

__all__ = ["run"]

_MANY, _FEW = 1_000_000, 10_000
_FRAME_MS = 1000 / 60

# The events of a real guest, one after the other until there are enough.
_SETUP = """import os
from kernel_magics import Lab
SOURCE = r'''
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
static void *work(void *name)
{
	char block[64] = {0};
	int file = open(name, O_CREAT | O_RDWR, 0666);
	for (int i = 0; i < 4000; i++) {
		pwrite(file, block, sizeof block, 0);
		pread(file, block, sizeof block, 0);
		if (i % 200 == 0)
			usleep(100 + i / 10);
	}
	return NULL;
}
int main(void)
{
	pthread_t threads[3];
	char *names[] = {"/a", "/b", "/c"};
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, work, names[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}'''
with Lab(driver="qemu") as lab:
    guest = lab.boot(lab.build(SOURCE, name="frames"), name="bench-frames", trace="all",
                     memory_mib=256, trace_records=1 << 18)
    guest.wait(60)
    events = guest.trace.df
len(events)"""
_TILE = """import numpy as np, pandas as pd
from kernel_magics.widgets.trace.view import TraceView
def many(count):
    times = -(-count // len(events))
    whole = pd.concat([events] * times, ignore_index=True).head(count)
    turn = np.arange(count) // len(events)
    span = int(events["time_ns"].max() - events["time_ns"].min()) + 1000
    return whole.assign(time_ns=whole["time_ns"] + turn * span,
                        sequence=np.arange(count, dtype="uint64"))"""
_SHOW = "TraceView(many({count}), name='{count} events')"

# One step each frame, in and out and along; then what drawing took, and the frames' distances.
_DRIVE = """async ([cell, steps]) => {
    const lanes = document.querySelectorAll('.jp-CodeCell')[cell].querySelector('.rl-tl-lanes');
    lanes.scrollIntoView({ block: 'center' });
    lanes.focus();
    performance.clearMeasures('rumplab timeline frame');
    const keys = [...'wwwwwwwwwwdadadadadassssssssss'];
    const distances = [];
    let last = await new Promise(requestAnimationFrame);
    for (let step = 0; step < steps; step++) {
        lanes.dispatchEvent(new KeyboardEvent('keydown',
            { key: keys[step % keys.length], bubbles: true }));
        const now = await new Promise(requestAnimationFrame);
        distances.push(now - last);
        last = now;
    }
    const drawn = performance.getEntriesByName('rumplab timeline frame');
    return [drawn.map((one) => one.duration), distances];
}"""
# The browser's own part: a canvas of the same size of which every pixel changes each frame.
_PLAIN = """async (steps) => {
    const lanes = document.querySelector('.rl-tl-lanes');
    const plain = lanes.cloneNode();
    document.body.append(plain);
    Object.assign(plain.style, { position: 'fixed', top: '0', left: '0', zIndex: 1000 });
    const context = plain.getContext('2d');
    const distances = [];
    let last = await new Promise(requestAnimationFrame);
    for (let step = 0; step < steps; step++) {
        context.fillStyle = step % 2 ? '#123' : '#321';
        context.fillRect(0, 0, plain.width, plain.height);
        const now = await new Promise(requestAnimationFrame);
        distances.push(now - last);
        last = now;
    }
    plain.remove();
    return distances;
}"""


def run(quick: bool) -> Report:
    """Zoom and pan both, in turn; the frames of a canvas that is only filled are the yardstick."""
    report = Report("timeline_frames", quick)
    report.note(f"a step each frame; software rendering; {_MANY} and {_FEW} events of a guest,"
                " repeated")
    rounds, steps = (2, 60) if quick else (6, 120)
    many: list[float] = []
    few: list[float] = []
    busy: list[float] = []
    plain: list[float] = []
    with notebook_page(_SETUP, _TILE, _SHOW.format(count=_MANY),
                       _SHOW.format(count=_FEW)) as page:
        ready_ms = _show(page)
        for _ in range(rounds):
            for cell, drawing, distances in ((2, many, busy), (3, few, [])):
                drawn, apart = page.page.evaluate(_DRIVE, [cell, steps])
                drawing += drawn
                distances += apart
            plain += page.page.evaluate(_PLAIN, steps)
    count = min(len(many), len(few))
    long = report.measure(f"drawing, {_MANY} events", "ms", sorted(many)[:count],
                          at_most=_FRAME_MS)
    report.ratio("a million / ten thousand", long,
                 report.measure(f"drawing, {_FEW} events", "ms", sorted(few)[:count]))
    report.ratio("frames' distance, zooming / plain canvas",
                 report.measure("frames, zooming", "ms", sorted(busy)[:len(plain)]),
                 report.measure("frames, plain canvas", "ms", sorted(plain)[:len(busy)]))
    report.measure("cell run → picture", "ms", [ready_ms])
    return report


def _show(page: Any) -> float:
    """Run the cells; return how long the large view took from its cell to its picture."""
    for cell in (0, 1, 3):
        page.run_cell(cell)
    page.page.wait_for_selector(".rl-tl-lanes", timeout=60_000)
    page.page.evaluate("window.begun = performance.now()")
    page.run_cell(2, wait=False)
    page.page.wait_for_function("document.querySelectorAll('.rl-tl-lanes').length === 2",
                                timeout=120_000)
    return float(page.page.evaluate("performance.now() - window.begun"))
