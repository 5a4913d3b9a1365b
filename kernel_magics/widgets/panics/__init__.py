"""The report of a panic."""

__all__: list[str] = []
