"""How a guest that has ended shows itself: its exit, what it was given, its boot chart."""

from typing import Any

from kernel_magics.widgets.boot_chart.phases import boot_chart_html
from kernel_magics.widgets.foundation.markup import escape, report, table

__all__ = ["guest_html", "port_links", "ports_html", "programs_html", "state_text"]


def state_text(guest: Any) -> str:
    """Return a guest's state in words, with the exit status once there is one."""
    if guest.state == "exited":
        return f"exited with status {guest.exit_status}"
    return str(guest.state)


def port_links(guest: Any) -> list[dict[str, str]]:
    """Return the guest's forwarded ports as {"text", "url"}; a UDP port has no URL."""
    return [{"text": f"{guest.address}:{host} → {port}",
             "url": f"http://{guest.address}:{host}/" if isinstance(port, int) else ""}
            for port, host in guest.ports.items()]


def ports_html(guest: Any) -> str:
    """Return the guest's forwarded ports as HTML, the TCP ones as links."""
    return ", ".join(f'<a href="{escape(link["url"])}" target="_blank" rel="noopener">'
                     f'{escape(link["text"])}</a>' if link["url"] else escape(link["text"])
                     for link in port_links(guest))


def guest_html(guest: Any) -> str:
    """Return a guest as an HTML report."""
    given = f"{guest.spec['memory_mib']} MiB, {guest.accel}, {guest.driver}"
    header = (f'<header><b>{escape(guest.name)}</b> <span class="badge">{state_text(guest)}</span> '
              f'<span class="soft">{escape(given)}</span> {ports_html(guest)}</header>')
    told = [_advice_html(guest), _programs_table(guest.programs)] if guest.end else []
    return report(f"guest {guest.name}", header, *told, boot_chart_html(guest.boot_phases))


def programs_html(programs: Any) -> str:
    """Return the programs of a Rumprun guest as an HTML table."""
    return report("programs", _programs_table(programs))


def _programs_table(programs: Any) -> str:
    rows = [(escape(one.name), escape(one.state), "" if one.status is None else str(one.status),
             escape(one.reason)) for one in programs]
    return table(("program", "state", "status", ""), rows, numeric=(2,))


def _advice_html(guest: Any) -> str:
    """What is to be done about memory that a Rumprun guest could not have, "" if nothing."""
    shortage = guest.memory_shortage
    return f"<p>{escape(f'{shortage}: {shortage.step}')}</p>" if shortage else ""
