"""Threads and locks of a guest: who waits for whom."""

__all__: list[str] = []
