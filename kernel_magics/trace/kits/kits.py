"""What guests of each kit can record."""

from typing import Any

import numpy as np

from kernel_magics.boot.abi import Event
from kernel_magics.boot.rumprun import KIT as RUMPRUN
from kernel_magics.errors import UsageError
from kernel_magics.trace.plan import TracePlan
from kernel_magics.trace.records.events import EVENTS, select

__all__ = ["check_plan"]

_RUMPRUN_EVENTS = (Event.SWITCH, Event.THREAD, Event.WAKEUP,
                   *range(Event.HYPERCALL, EVENTS))
# By kit, and whether a guest records itself; a kit that is not here records every event.
_RECORDED = {(RUMPRUN, True): frozenset(map(int, _RUMPRUN_EVENTS)),
             (RUMPRUN, False): frozenset(map(int, (*_RUMPRUN_EVENTS, Event.INTERRUPT)))}
_WIDE = ("all", "runtime", "off")


def check_plan(image: Any, plan: TracePlan) -> None:
    """Raise UsageError if guests of an image's kit record nothing of what a plan asks for.

    image: the GuestImage, None if only a ring is at hand.
    """
    recorded = None if image is None else \
        _RECORDED.get((image.kit, image.header_address is not None))
    if recorded is None:
        return
    if plan.sample_hz:
        raise UsageError("a Rumprun guest takes no samples of what runs",
                         next_step='record its switches, and calls with their stacks: '
                                   'trace=TracePlan(["hypercalls", "switch"], '
                                   'stacks="rumpuser_*")', field="sample_hz")
    known = np.zeros(EVENTS, bool)
    known[list(recorded)] = True
    for what in (plan.events, plan.stacks):
        for item in [what] if isinstance(what, str) else what:
            if item not in _WIDE and not known[select(item)].any():
                raise UsageError(f"a Rumprun guest records no {item}: it has no trace point there",
                                 next_step="record hypercalls or syscalls, or names of them such "
                                           "as rumpuser_cv_*; its scheduler has switch, wakeup "
                                           "and thread",
                                 name=item)
