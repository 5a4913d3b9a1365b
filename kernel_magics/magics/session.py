"""The notebook's one Lab: made when a magic first needs it, closed with the kernel."""

import atexit
from collections.abc import Iterable
from typing import Any

__all__ = ["notebook_lab", "close_lab", "has_lab", "image_names", "guest_names", "symbol_names"]

_lab: Any = None


def notebook_lab() -> Any:
    """Return the Lab that this notebook's magics use; made on the first call.

    A script makes its own: ``Lab()``.
    """
    global _lab
    if _lab is None:
        from kernel_magics.lab import Lab
        _lab = Lab()
        atexit.register(close_lab)
    return _lab


def has_lab() -> bool:
    """Return whether a magic has needed a Lab yet."""
    return _lab is not None


def close_lab() -> None:
    """Close the notebook's Lab: the guests it started are stopped."""
    global _lab
    lab, _lab = _lab, None
    if lab is not None:
        atexit.unregister(close_lab)
        lab.close()


def image_names(_words: Iterable[str] = ()) -> list[str]:
    """Return the names of images that can be booted, for Tab."""
    return [image.name for image in _lab.images()] if has_lab() else []


def guest_names(_words: Iterable[str] = ()) -> list[str]:
    """Return the names of the guests there are, for Tab; needs no Lab."""
    if has_lab():
        return [guest.name for guest in _lab.guests()]
    from kernel_magics.boot.registry import records
    return [record.name for _, record in records()]


def symbol_names(words: list[str]) -> list[str]:
    """Return the symbols of the image that the first word names, for Tab."""
    if not words or words[0] not in image_names():
        return []
    return sorted(_lab.image(words[0]).symbols.names)
