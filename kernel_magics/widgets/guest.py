"""How a guest that has ended shows itself: its exit, what it was given, its boot chart."""

from typing import Any

from kernel_magics.widgets.bootchart import boot_chart_html
from kernel_magics.widgets.markup import escape, report

__all__ = ["guest_html", "state_text"]


def state_text(guest: Any) -> str:
    """Return a guest's state in words, with the exit status once there is one."""
    if guest.state == "exited":
        return f"exited with status {guest.exit_status}"
    return str(guest.state)


def guest_html(guest: Any) -> str:
    """Return a guest as an HTML report."""
    given = f"{guest.spec['memory_mib']} MiB, {guest.accel}, {guest.driver}"
    header = (f'<header><b>{escape(guest.name)}</b> <span class="badge">{state_text(guest)}</span> '
              f'<span class="soft">{escape(given)}</span></header>')
    return report(f"guest {guest.name}", header, boot_chart_html(guest.boot_phases))
