"""Trees with sizes: the bytes of an image, the flame graph of a trace."""

__all__: list[str] = []
