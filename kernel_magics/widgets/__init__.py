"""The views of a notebook: each has a text, a table (`.df`) and a picture.

A room a view, and the same room of `src` has its part for the browser: layers, console, trace
(timeline, calls, events), boot_chart, threads (and locks), memory_map, probes, trees (sizes, flame
graphs), debugger, panics, images, guests, differences; `foundation` is what they rest on, and
`displays` says which object gets which view.
"""

__all__: list[str] = []
