"""The debugger's panel: the stop, its source, calls, breakpoints, threads."""

__all__: list[str] = []
