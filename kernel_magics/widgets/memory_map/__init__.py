"""The memory map of a guest."""

__all__: list[str] = []
