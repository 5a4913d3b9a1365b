"""What a probe finds as a view: files, sockets, mounts, timers, interrupts, devices."""

from typing import Any

from kernel_magics.widgets.foundation.listing import ListingView

__all__ = ["probe_view"]


def probe_view(probe: Any) -> ListingView:
    """Return what a probe (`guest.files`, `guest.sockets`, …) finds as a view."""
    subject = probe._subject
    return ListingView(f"{probe.title[:1].upper()}{probe.title[1:]} of {subject.name}",
                       probe.title, lambda: probe.df, guest=subject,
                       problems=lambda: probe.problems)
