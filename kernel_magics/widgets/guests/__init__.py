"""Guests: one that has ended, the list of them, what this machine can do."""

__all__: list[str] = []
