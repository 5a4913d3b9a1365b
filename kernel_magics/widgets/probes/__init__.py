"""What a probe finds in a guest: files, sockets, mounts, timers and others."""

__all__: list[str] = []
