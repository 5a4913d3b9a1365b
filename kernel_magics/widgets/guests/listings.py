"""How guests, the doctor's findings and the headers of an image show themselves as HTML."""

from typing import Any

from kernel_magics.widgets.foundation.markup import escape, report, table
from kernel_magics.widgets.guests.guest import ports_html, state_text

__all__ = ["guests_html", "doctor_html", "headers_html"]

_WORDS = {"ok": "✓ good", "note": "– note", "problem": "✗ problem"}


def guests_html(guests: Any) -> str:
    """Return a list of guests as an HTML table."""
    if not guests:
        return report("guests", '<span class="soft">no guests</span>')
    rows = [(f"<b>{escape(guest.name)}</b>", escape(state_text(guest)), escape(guest.owner),
             f"{guest.spec.get('memory_mib')} MiB", escape(guest.accel),
             escape(guest.uri or guest.driver), ports_html(guest)) for guest in guests]
    heads: tuple[str, ...] = ("guest", "state", "started by", "memory", "on", "through", "ports")
    shown = len(heads) if any(row[-1] for row in rows) else len(heads) - 1
    return report("guests", table(heads[:shown], [row[:shown] for row in rows], numeric=(3,)))


def doctor_html(findings: Any) -> str:
    """Return the doctor's report as an HTML table; each fix under its finding."""
    rows = []
    for finding in findings:
        fix = f'<div class="soft">→ {escape(finding.fix)}</div>' if finding.fix else ""
        rows.append((f"<b>{escape(finding.subject)}</b>", _WORDS[finding.level],
                     escape(finding.detail) + fix))
    said = "Guests can be built and booted here." if findings.ok else \
        "Something keeps guests from being built or booted here."
    return report("what this machine can do", f"<header><b>{said}</b></header>",
                  table(("subject", "", "finding"), rows))


def headers_html(found: Any) -> str:
    """Return the sections, segments or notes of an image as an HTML table."""
    heads, *rows = found.cells
    numeric = tuple(at for at, head in enumerate(heads)
                    if head in ("address", "physical_address", "offset", "alignment")
                    or head.endswith("bytes"))
    return report(found.title, f"<header><b>{escape(found.title)}</b></header>", table(
        tuple(head.replace("_", " ") for head in heads),
        [tuple(f"<code>{escape(cell)}</code>" for cell in row) for row in rows], numeric))
