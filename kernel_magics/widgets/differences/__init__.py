"""Two images, boots, traces or kits side by side."""

__all__: list[str] = []
