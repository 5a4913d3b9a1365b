"""Which view a library object gets when a cell returns it.

The library's objects have a text of their own and know nothing of notebooks; here each
type is given its HTML or widget, by name, so that nothing is imported before it is shown.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["install", "remove"]

_HTML = "text/html"


def _image(image: Any) -> dict:
    from kernel_magics.widgets.images.image import image_html
    return {"text/plain": repr(image), _HTML: image_html(image)}


def _guest(guest: Any) -> dict:
    if guest.state in ("running", "paused"):
        from kernel_magics.widgets.console.view import ConsoleView
        return _live(guest, ConsoleView(guest))
    from kernel_magics.widgets.guests.guest import guest_html
    return {"text/plain": repr(guest), _HTML: guest_html(guest)}


def _phases(phases: Any) -> dict:
    from kernel_magics.widgets.boot_chart.phases import boot_chart_html
    from kernel_magics.widgets.boot_chart.view import BootChartView
    return _live(phases, BootChartView(phases), boot_chart_html(phases))


def _guests(guests: Any) -> dict:
    from kernel_magics.widgets.guests.listings import guests_html
    return {"text/plain": repr(guests), _HTML: guests_html(guests)}


def _doctor(findings: Any) -> dict:
    from kernel_magics.widgets.guests.listings import doctor_html
    return {"text/plain": repr(findings), _HTML: doctor_html(findings)}


def _programs(programs: Any) -> dict:
    from kernel_magics.widgets.guests.guest import programs_html
    return {"text/plain": repr(programs), _HTML: programs_html(programs)}


def _bakes(bakes: Any) -> dict:
    from kernel_magics.widgets.images.bakes import bakes_html
    return {"text/plain": repr(bakes), _HTML: bakes_html(bakes)}


def _bake(one: Any) -> dict:
    from kernel_magics.widgets.images.bakes import bake_html
    return {"text/plain": repr(one), _HTML: bake_html(one)}


def _baked(baked: Any) -> dict:
    from kernel_magics.widgets.foundation.markup import report
    from kernel_magics.widgets.images.bakes import baked_html
    return {"text/plain": repr(baked), _HTML: report("what was baked", baked_html(baked))}


def _components(components: Any) -> dict:
    from kernel_magics.widgets.images.bakes import components_html
    return {"text/plain": repr(components), _HTML: components_html(components)}


def _headers(found: Any) -> dict:
    from kernel_magics.widgets.guests.listings import headers_html
    return {"text/plain": repr(found), _HTML: headers_html(found)}


def _trace(source: Any) -> dict:
    from kernel_magics.widgets.trace.view import TraceView
    return _live(source, TraceView(source))


def _tree(tree: Any) -> dict:
    from kernel_magics.widgets.trees.view import TreeView
    return _live(tree, TreeView(tree, f"Sizes of {tree.name}"))


def _flame(graph: Any) -> dict:
    from kernel_magics.widgets.trees.view import TreeView
    return _live(graph, TreeView(graph.tree, graph.title, graph.unit))


def _threads(threads: Any) -> dict:
    from kernel_magics.widgets.threads.threads import threads_view
    return _live(threads, threads_view(_subject(threads)))


def _locks(locks: Any) -> dict:
    from kernel_magics.widgets.threads.locks import locks_view
    return _live(locks, locks_view(locks))


def _debugger(debugger: Any) -> dict:
    from kernel_magics.widgets.debugger.panel import DebuggerView
    return _live(debugger, DebuggerView(debugger))


def _memory(memory: Any) -> dict:
    from kernel_magics.widgets.memory_map.view import MemoryView
    return _live(memory, MemoryView(_subject(memory)))


def _probe(probe: Any) -> dict:
    from kernel_magics.widgets.probes.view import probe_view
    return _live(probe, probe_view(probe))


def _panic(panic: Any) -> dict:
    from kernel_magics.widgets.panics.report import panic_html
    return {"text/plain": repr(panic), _HTML: panic_html(panic)}


def _image_diff(diff: Any) -> dict:
    from kernel_magics.widgets.differences.tables import image_diff_html
    return {"text/plain": repr(diff), _HTML: image_diff_html(diff)}


def _boot_diff(diff: Any) -> dict:
    from kernel_magics.widgets.differences.tables import comparison_html
    title = f"boots of {' and '.join(diff.names)}"
    return {"text/plain": repr(diff), _HTML: comparison_html(title, diff.df, "delta_ns")}


def _trace_comparison(found: Any) -> dict:
    from kernel_magics.widgets.differences.tables import trace_comparison_html
    return {"text/plain": repr(found), _HTML: trace_comparison_html(found)}


def _kit_comparison(found: Any) -> dict:
    from kernel_magics.widgets.differences.kits import kit_comparison_html
    return {"text/plain": repr(found), _HTML: kit_comparison_html(found)}


def _subject(facet: Any) -> Any:
    """Return the guest or dump that one of its attributes is of."""
    return getattr(facet, "_subject", None) or facet._guest


def _live(source: Any, view: Any, html: str = "") -> dict:
    from kernel_magics.widgets.foundation.cells import close_with_cell
    from kernel_magics.widgets.foundation.twin import shown
    close_with_cell(view)
    return shown(view, repr(source), html)


_VIEWS: dict[tuple[str, str], Callable[[Any], dict]] = {
    ("kernel_magics.build.image", "GuestImage"): _image,
    ("kernel_magics.boot.guest", "Guest"): _guest,
    ("kernel_magics.boot.phases", "BootPhases"): _phases,
    ("kernel_magics.boot.doctor.doctor", "DoctorReport"): _doctor,
    ("kernel_magics.boot.rumprun.programs", "ProgramList"): _programs,
    ("kernel_magics.boot.known_guests", "GuestList"): _guests,
    ("kernel_magics.build.baked", "Baked"): _baked,
    ("kernel_magics.build.rumprun.components", "ComponentList"): _components,
    ("kernel_magics.build.rumprun.configurations", "BakeConfiguration"): _bake,
    ("kernel_magics.build.rumprun.configurations", "BakeList"): _bakes,
    ("kernel_magics.inspect.debugger.debugger", "Debugger"): _debugger,
    ("kernel_magics.inspect.images.diff", "ImageDiff"): _image_diff,
    ("kernel_magics.inspect.boot_diff", "BootDiff"): _boot_diff,
    ("kernel_magics.inspect.memory.memory", "GuestMemory"): _memory,
    ("kernel_magics.inspect.panics.panic", "PanicReport"): _panic,
    ("kernel_magics.inspect.probes.probe", "Probe"): _probe,
    ("kernel_magics.inspect.images.headers", "HeaderTable"): _headers,
    ("kernel_magics.inspect.images.size_tree", "SizeTree"): _tree,
    ("kernel_magics.inspect.threads.threads", "GuestThreads"): _threads,
    ("kernel_magics.inspect.threads.locks", "GuestLocks"): _locks,
    ("kernel_magics.trace.comparison", "TraceComparison"): _trace_comparison,
    ("kernel_magics.trace.kits.comparison", "KitComparison"): _kit_comparison,
    ("kernel_magics.trace.views.flame", "FlameGraph"): _flame,
    ("kernel_magics.trace.recording", "Recording"): _trace,
    ("kernel_magics.trace.trace", "Trace"): _trace,
}


def install(shell: Any) -> None:
    """Tell `shell` how to display the library's objects."""
    formatter = shell.display_formatter.mimebundle_formatter
    for (module, name), view in _VIEWS.items():
        formatter.for_type_by_name(module, name, view)


def remove(shell: Any) -> None:
    """Forget what `install` told."""
    formatter = shell.display_formatter.mimebundle_formatter
    for key in _VIEWS:
        formatter.deferred_printers.pop(key, None)
        for kind in [k for k in formatter.type_printers if (k.__module__, k.__name__) == key]:
            formatter.type_printers.pop(kind)
