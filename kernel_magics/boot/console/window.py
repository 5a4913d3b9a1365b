"""The size of the window a guest's console is seen in: told through the guest's RAM."""

import time
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.boot.console.input import ring
from kernel_magics.boot.header import HeaderReader
from kernel_magics.errors import GuestError, UsageError

__all__ = ["ConsoleWindow", "WindowSize"]

LEAST, MOST = 1, 0xffff
LOAD_PATIENCE_S = 10.0
LOOK_S = 0.001


@dataclass(frozen=True, slots=True)
class WindowSize:
    """Rows and columns of characters, and their pixels, 0 if they are not known."""

    rows: int
    columns: int
    width_pixels: int = 0
    height_pixels: int = 0

    def check(self) -> "WindowSize":
        """Return itself; raises UsageError for a size that no window has."""
        for name, value, least in (("rows", self.rows, LEAST), ("columns", self.columns, LEAST),
                                   ("width_pixels", self.width_pixels, 0),
                                   ("height_pixels", self.height_pixels, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
                raise UsageError(f"{name}={value!r} is not a whole number from {least} to {MOST}",
                                 next_step="give rows and columns, such as 24, 80")
        return self

    def packed(self) -> int:
        """Return it as lab_header.console_window has it."""
        return (self.rows | self.columns << 16 | self.width_pixels << 32
                | self.height_pixels << 48)

    @classmethod
    def unpacked(cls, value: int) -> "WindowSize | None":
        """Return what console_window says; None: nobody has told the guest."""
        size = cls(*(value >> shift & MOST for shift in (0, 16, 32, 48)))
        return size if size.rows and size.columns else None


@dataclass(frozen=True, slots=True)
class ConsoleWindow:
    """The window of one guest; `header` None for a guest that keeps no lab header."""

    header: HeaderReader | None
    bell: Path
    name: str

    def size(self) -> WindowSize | None:
        """Return what the guest was told last, None if nothing."""
        told = self.header.newer("console_window") if self.header else None
        return WindowSize.unpacked(told) if told else None

    def resize(self, size: WindowSize) -> bool:
        """Tell the guest; its foreground programs get SIGWINCH if that is news.

        False if nothing has changed.  Raises GuestError if the guest has no way to be told.
        """
        packed = size.check().packed()
        header = self._loaded()
        if header.newer("console_window") == packed:
            return False
        if not header.store("console_window", packed):
            raise self._cannot()
        ring(self.bell)
        return True

    def _loaded(self) -> HeaderReader:
        """Return the header once QEMU has put the image into RAM: that would overwrite it."""
        deadline = time.monotonic() + LOAD_PATIENCE_S
        while self.header is not None and not self.header.is_loaded():
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_S)
        if self.header is None or self.header.newer("console_window") is None:
            raise self._cannot()
        return self.header

    def _cannot(self) -> GuestError:
        return GuestError(f"{self.name} cannot be told the size of its console's window",
                          name=self.name, next_step="build its image again with this lab, and "
                                                    "boot it on this machine")
