"""Whether something was made from the inputs as they are now."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["digest", "Stamp"]


def digest(files: Iterable[Path], *facts: str) -> str:
    """Return a SHA-256 over the files' names and contents and the given facts."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"\0{path.name}\0".encode())
        total.update(path.read_bytes())
    for fact in facts:
        total.update(f"\1{fact}".encode())
    return total.hexdigest()


class Stamp:
    """A file beside a product that holds the digest of what the product was made from."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def matches(self, wanted: str) -> bool:
        """Return whether the product was made from inputs with this digest."""
        try:
            return self._path.read_text() == wanted
        except OSError:
            return False

    def remove(self) -> None:
        """Forget the product, before it is made again: an interrupted making leaves no stamp."""
        self._path.unlink(missing_ok=True)

    def write(self, made_from: str) -> None:
        """Record what the product was made from."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(made_from)
