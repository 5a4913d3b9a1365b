"""The layers of an image or a guest, and the calls between them."""

__all__: list[str] = []
