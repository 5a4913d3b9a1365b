"""An image: its card, its symbols, its headers, what was baked into it."""

__all__: list[str] = []
