"""The boot chart: how the time from the request to the exit was spent."""

__all__: list[str] = []
