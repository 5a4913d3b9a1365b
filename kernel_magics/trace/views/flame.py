"""Where time goes, by call stack: the data of a flame graph."""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kernel_magics.errors import TraceError, UsageError

if TYPE_CHECKING:
    from kernel_magics.trace.recording import Recording

__all__ = ["FlameGraph", "FLAME_KINDS", "flame_graph"]

FLAME_KINDS = ("samples", "calls", "waits")
_SHOWN = 12
_BLOCKED = 2  # enum lab_thread_state


@dataclass(frozen=True)
class FlameGraph:
    """Weights of call stacks.

    stacks: functions, outermost first → weight, in `unit` ("samples" or "ns").  layers: of
    functions, as far as they are known.
    """

    title: str
    unit: str
    stacks: Mapping[tuple[str, ...], int]
    layers: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The sum of all weights."""
        return sum(self.stacks.values())

    @property
    def df(self) -> pd.DataFrame:
        """A row for each function: self and total weight, and their share of the whole."""
        own: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        for stack, weight in self.stacks.items():
            own[stack[-1]] += weight
            for function in set(stack):
                whole[function] += weight
        total = max(self.total, 1)
        table = pd.DataFrame({
            "self": [own[name] for name in whole], "total": list(whole.values()),
            "self_share": [own[name] / total for name in whole],
            "total_share": [weight / total for weight in whole.values()],
            "layer": [self.layers.get(name, "") for name in whole],
        }, index=pd.Index(list(whole), name="function"))
        return table.sort_values(["self", "total"], ascending=False, kind="stable")

    @property
    def folded(self) -> str:
        """The stacks as text, a line each: "main;f;g 12", as other flame graph tools read."""
        return "".join(f"{';'.join(name.replace(';', ':') for name in stack)} {weight}\n"
                       for stack, weight in sorted(self.stacks.items()))

    @property
    def tree(self) -> dict[str, Any]:
        """The stacks as a tree: name, value (with all below), self, layer, children (by
        name); the root is called "all"."""
        root = {"name": "all", "value": self.total, "self": 0, "layer": "", "children": []}
        places: dict[tuple[str, ...], dict[str, Any]] = {(): root}
        for stack, weight in sorted(self.stacks.items()):
            for depth in range(1, len(stack) + 1):
                node = places.get(stack[:depth])
                if node is None:
                    node = {"name": stack[depth - 1], "value": 0, "self": 0, "children": [],
                            "layer": self.layers.get(stack[depth - 1], "")}
                    places[stack[:depth]] = node
                    places[stack[:depth - 1]]["children"].append(node)
                node["value"] += weight
            places[stack]["self"] += weight
        return root

    @property
    def svg(self) -> str:
        """The picture, in one piece: click to zoom, Ctrl-F to search, needs no network."""
        from kernel_magics.trace.views.flame_svg import flame_svg

        return flame_svg(self)

    def save(self, path: str | Path) -> Path:
        """Write the graph, by the file's suffix: .svg, .html, .folded or .txt, .json (the
        tree).  Raises UsageError for another suffix."""
        import json

        path = Path(path)
        forms = {".svg": lambda: self.svg, ".folded": lambda: self.folded,
                 ".txt": lambda: self.folded, ".json": lambda: json.dumps(self.tree),
                 ".html": lambda: "<!doctype html><meta charset=utf-8><title>"
                                  f"{_escaped(self.title)}</title>{self.svg}"}
        if path.suffix not in forms:
            raise UsageError(f"no flame graph is written to {path.name}",
                             next_step=f"end the name in {', '.join(forms)}")
        path.write_text(forms[path.suffix](), encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        lines = [f"{self.title}: {self.total} {self.unit} in {len(self.stacks)} stacks"]
        for name, row in self.df.head(_SHOWN).iterrows():
            lines.append(f"  {row['self_share']:6.1%} {row['total_share']:6.1%}  {name}")
        return "\n".join(lines)


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)


def flame_graph(recording: "Recording", kind: str = "", words: str = "") -> FlameGraph:
    """Return where a recording's time went, by thread and call stack.

    kind: "samples", of what ran (recorded with sample_hz); "calls", the time in each call
    without the calls in it, below the stack it was made from if that was recorded (stacks=);
    "waits", the time that threads did not run because they waited, by the stack with which
    they left the processor (stacks="switch").  By default samples if there are any, else
    calls.  words: which samples or calls count, as for Trace.choose.  Raises UsageError for
    another kind, or words with waits, TraceError if nothing of it was recorded.
    """
    if kind and kind not in FLAME_KINDS:
        raise UsageError(f"there is no flame graph of {kind!r}",
                         next_step=f"choose {', '.join(FLAME_KINDS)}")
    if not kind:
        kind = "samples" if (recording.df["event"] == "sample").any() else "calls"
    if words.strip() and kind == "waits":
        raise UsageError("words choose samples and calls; a wait is between events",
                         next_step="leave them out")
    chosen = set(recording.choose(words)["sequence"].tolist()) if words.strip() else None
    stacks = _waits(recording) if kind == "waits" else \
        {"samples": _samples, "calls": _calls}[kind](recording, chosen)
    if not stacks:
        raise TraceError(f"{recording.name} has recorded no {kind}"
                         f"{f' that match {words!r}' if words.strip() else ''}",
                         next_step="choose other words" if words.strip() else _HOW[kind])
    walker = recording.walker
    layers = {name: layer for name in {name for stack in stacks for name in stack}
              if (layer := walker.layer(name) or recording.event_layer(name))}
    return FlameGraph(f"{kind} of {recording.name}", "samples" if kind == "samples" else "ns",
                      dict(stacks), layers)


_HOW = {"samples": "record them: trace.start(…, sample_hz=500)",
        "calls": 'record calls: trace.start("all")',
        "waits": 'record them: trace.start("switch", stacks="switch")'}


def _thread(recording: "Recording", number: int) -> str:
    name = recording.threads.get(number, "")
    return f"{name} ({number})" if name else f"thread {number}" if number else "idle"


def _samples(recording: "Recording", chosen: Set[int] | None) -> Counter[tuple[str, ...]]:
    table = recording.df
    found: Counter[tuple[str, ...]] = Counter()
    for row in table[(table["event"] == "sample") & (table["thread"] > 0)].itertuples():
        if chosen is not None and row.sequence not in chosen:
            continue
        stack = recording.attached.stack(int(row.sequence))
        names = recording.walker.names(
            stack, interrupted=bool(row.a2), process=int(row.process),
            sequence=int(row.sequence)) if stack else []
        if not names:
            names = [recording.symbol(int(row.a0), int(row.process)) or "[runtime]"]
        found[(_thread(recording, int(row.thread)), *names)] += 1
    return found


def _calls(recording: "Recording", chosen: Set[int] | None) -> Counter[tuple[str, ...]]:
    table = recording.nested
    table = table[(table["kind"] == "call") & (table["thread"] > 0)]
    paths: dict[int, tuple[str, ...]] = {}
    found: Counter[tuple[str, ...]] = Counter()
    for row in table.itertuples():
        event, parent = str(row.event), int(row.parent)
        if parent in paths:
            path = (*paths[parent], event)
        else:
            stack = recording.attached.stack(int(row.sequence))
            names = recording.walker.names(stack, process=int(row.process),
                                           sequence=int(row.sequence)) if stack else []
            path = (_thread(recording, int(row.thread)), *names, event)
        paths[int(row.sequence)] = path
        if int(row.self_ns) and (chosen is None or row.sequence in chosen):
            found[path] += int(row.self_ns)
    return found


def _waits(recording: "Recording") -> Counter[tuple[str, ...]]:
    table = recording.df
    found: Counter[tuple[str, ...]] = Counter()
    left: dict[int, tuple[int, int]] = {}  # thread → when, and the switch with its stack
    for row in table[table["event"] == "switch"].itertuples():
        previous, following = int(row.a0), int(row.a1)
        if following in left:
            since_ns, sequence = left.pop(following)
            stack = recording.attached.stack(sequence)
            process = recording.processes.threads.get(following, 0)
            names = recording.walker.names(stack, process=process, sequence=sequence) \
                if stack else ["[no stack]"]
            found[(_thread(recording, following), *names)] += int(row.time_ns) - since_ns
        if previous and int(row.a2) == _BLOCKED:
            left[previous] = int(row.time_ns), int(row.sequence)
    return found
