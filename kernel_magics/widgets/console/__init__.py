"""The console: a terminal on what a guest writes and reads."""

__all__: list[str] = []
