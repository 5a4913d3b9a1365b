"""The guest known_state, booted once for the tests of a module."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernel_magics import Lab

__all__ = ["SOURCE", "known_state", "until_it_waits"]

SOURCE = (Path(__file__).parents[2] / "images/guests/known_state/known_state.c").read_text()
PATIENCE_S = 60
QUIET_S = 60


@contextmanager
def known_state(driver: str = "qemu", *argv: str, **build: Any) -> Iterator[tuple[Lab, Any]]:
    """Boot it and wait until it has built everything up; yields the lab and the guest."""
    with Lab(driver=driver) as lab:
        image = lab.build(SOURCE, name="known_state", **build)
        guest = lab.boot(image, argv=["known_state", *argv])
        if not argv:
            guest.console.expect("> ", PATIENCE_S)
            until_it_waits(guest)
        yield lab, guest


def until_it_waits(guest: Any) -> None:
    """Wait until every thread sleeps, so that two looks see the same."""
    deadline = time.monotonic() + QUIET_S
    while time.monotonic() < deadline:
        if "runnable" not in set(guest.threads.df["state"]):
            return
        time.sleep(0.02)
