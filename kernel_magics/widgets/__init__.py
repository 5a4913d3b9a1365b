"""The views of a notebook: each has a text, a table (`.df`) and a picture."""

__all__: list[str] = []
