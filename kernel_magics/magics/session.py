"""The notebook's one Lab: made when a magic first needs it, closed with the kernel."""

import atexit
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from IPython.core.getipython import get_ipython

from kernel_magics.errors import LabError

__all__ = ["notebook_lab", "close_lab", "has_lab", "image_names", "guest_names", "symbol_names",
           "guest_symbol_names"]

_lab: Any = None


def notebook_lab() -> Any:
    """Return the Lab that this notebook's magics use; made on the first call.

    A script makes its own: ``Lab()``.
    """
    global _lab
    if _lab is None:
        from kernel_magics.lab import Lab
        _lab = Lab()
        atexit.register(_end)
    return _lab


def has_lab() -> bool:
    """Return whether a magic has needed a Lab yet."""
    return _lab is not None


def close_lab() -> None:
    """Close the notebook's Lab: the guests it started are stopped."""
    global _lab
    lab, _lab = _lab, None
    if lab is not None:
        atexit.unregister(_end)
        lab.close()


def _end() -> None:
    """At the kernel's end: a restart leaves the guests, to be found again after it."""
    if _lab is not None and _is_restart():
        _lab.keep = True
    close_lab()


def _is_restart() -> bool:
    """Return whether the kernel was told to shut down only to be started again.

    ipykernel keeps the answer to that request; its public interface does not tell.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    told = getattr(kernel, "_shutdown_message", None) or {}
    return bool(told.get("content", {}).get("restart"))


def image_names(_words: Iterable[str] = ()) -> list[str]:
    """Return the names of images that can be booted, for Tab."""
    return [image.name for image in _lab.images()] if has_lab() else []


def guest_names(_words: Iterable[str] = ()) -> list[str]:
    """Return the names of the guests there are, for Tab; needs no Lab."""
    with suppress(LabError):
        if has_lab():
            return [guest.name for guest in _lab.guests()]
        from kernel_magics.boot.registry import records
        return [record.name for _, record in records()]
    return []


def symbol_names(words: list[str]) -> list[str]:
    """Return the symbols of the image that the first word names, for Tab."""
    if not words or words[0] not in image_names():
        return []
    return sorted(_lab.image(words[0]).symbols.names)


def guest_symbol_names(name: str) -> list[str]:
    """Return the symbols of a guest's image, for Tab."""
    if not has_lab() or name not in guest_names():
        return []
    return sorted(_lab.guest(name).image.symbols.names)
