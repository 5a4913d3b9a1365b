"""A trace: its timeline, its calls, its events."""

__all__: list[str] = []
