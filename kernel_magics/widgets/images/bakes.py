"""How Rumprun's bake configurations, components, and what an image was baked of show as HTML."""

from typing import Any

from kernel_magics.build.baked import faction_of
from kernel_magics.widgets.foundation.markup import byte_text, escape, report, table

__all__ = ["baked_html", "bake_html", "bakes_html", "components_html"]


def bakes_html(bakes: Any) -> str:
    """Return the configurations as a table, the components of each to unfold."""
    rows = []
    for one in bakes:
        where = "machines" if one.is_bootable_here else "Xen"
        lacking = f'<div class="soft">not installed: {escape(", ".join(one.missing))}</div>' \
            if one.missing and one.is_bootable_here else ""
        rows.append((f"<b>{escape(one.name)}</b>", escape(one.description), where,
                     f"<details><summary>{len(one.components)}</summary>"
                     f"{_factions(one.components)}</details>{lacking}"))
    return report("bake configurations", table(("configuration", "for", "on", "components"), rows))


def bake_html(one: Any) -> str:
    """Return one configuration: what it is for, and its components by faction."""
    return report(f"configuration {one.name}",
                  f"<header><b>{escape(one.name)}</b> <span>{escape(one.description)}</span>"
                  "</header>", _factions(one.components))


def components_html(components: Any) -> str:
    """Return the components as a table, with the configurations that have them."""
    rows = [(escape(one.faction), f"<b>{escape(one.name)}</b>", byte_text(one.size_bytes),
             escape(", ".join(one.configurations)) or '<span class="soft">with --component</span>')
            for one in components]
    return report("components", table(("faction", "component", "archive", "baked as"), rows,
                                      numeric=(2,)))


def baked_html(baked: Any) -> str:
    """Return what an image was baked of, in a line, and its recipe to unfold."""
    recipe = escape(repr(baked.recipe)).replace("\n", "<br>")
    return (f"<details><summary>{escape(baked.line())}</summary>{_factions(baked.components)}"
            f'<p class="soft">{recipe}</p></details>')


def _factions(components: Any) -> str:
    """Return components by faction, in link order, as a small table."""
    factions: dict[str, list[str]] = {}
    for name in components:
        factions.setdefault(faction_of(name), []).append(escape(name))
    return table(("faction", "components, in link order"),
                 [(faction, " ".join(names)) for faction, names in factions.items()])
