"""Debian's archive through an unprivileged apt: what a package needs, and its files.

apt runs with a state and a cache of its own below the lab's cache folder, so that no
permission is needed and nothing of the machine's changes; the sources and keys are the
machine's own.  apt checks the chain from the archive's signature over the index to each
file.  What was fetched once is found by its SHA-256, and needs no network any more.

Source: apt.conf(5), apt-get(8), deb-control(5), dsc(5).
"""

import difflib
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from kernel_magics.build.aptsources import AptSource
from kernel_magics.build.aptstate import AptState
from kernel_magics.build.cache import digest, disk_errors
from kernel_magics.errors import HostError, UsageError, meant
from kernel_magics.places import cache_dir

__all__ = ["BinaryPackage", "DebianArchive", "SourcePackage", "fields_of"]

_LIKE = 0.75  # of names that are like each other; Debian has tens of thousands
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_URI_LINE = re.compile(r"^'(?P<uri>\S+)' (?P<file>\S+) (?P<size>\d+)", re.M)
_GONE = re.compile(r"404 +Not Found|File not found|Hash Sum mismatch|"
                   r"Unable to locate package|Version .* was not found")


@dataclass(frozen=True, slots=True)
class BinaryPackage:
    """A binary package of the archive and its file in the lab's cache."""

    name: str
    version: str
    architecture: str
    sha256: str
    path: Path


@dataclass(frozen=True, slots=True)
class SourcePackage:
    """A source package: `files` are its .dsc (also `dsc`) and the tar files it lists."""

    name: str
    version: str
    dsc: Path
    files: tuple[Path, ...]


class DebianArchive:
    """The archive this machine takes its packages from, or `sources` instead; `root` is
    where the lab keeps them.

    Every call may use the network, takes a lock, and can be interrupted: what was fetched
    until then stays.
    """

    def __init__(self, root: Path | None = None,
                 sources: Sequence[AptSource] | None = None) -> None:
        self.root = root or cache_dir() / "debian"
        self._binary = AptState(self.root / "binary", "deb", sources)
        self._source = AptState(self.root / "source", "deb-src", sources)

    def binary(self, names: Sequence[str], *, refresh: bool = False) -> tuple[BinaryPackage, ...]:
        """Return packages and all they depend on, sorted by name, each with its file.

        `names` are package names, also as NAME=VERSION.  `refresh` asks the archive for new
        versions; otherwise it is asked when the last answer is a week old.
        Raises UsageError for a package that is not known (with names like it) or cannot be
        installed; HostError without apt, network or room on the disk.
        """
        with self._working():
            self._binary.update_if(refresh)
            try:
                return self._fetch(self._resolve(names))
            except _GoneError:  # the archive has newer versions by now
                self._binary.update()
                return self._fetch(self._resolve(names))

    def source(self, name: str) -> SourcePackage:
        """Return the source package that `name` (a source or binary package) is made from.

        Raises like `binary`.
        """
        _check(name)
        with self._working():
            place = self.root / "sources" / name
            found = _stored_source(name, place)
            if found is None:
                self._source.update_if(False)
                self._download_source(name, place)
                found = _stored_source(name, place)
            if found is None:
                raise HostError(f"the source package {name} has no .dsc file", path=place)
            return found

    def names(self) -> list[str]:
        """Return every package there is, sorted; [] before the first download."""
        if not self._binary.lists_are_there:
            return []
        code, text = self._binary.run("apt-cache", "pkgnames")
        return sorted(text.split()) if code == 0 else []

    @contextmanager
    def _working(self) -> Iterator[None]:
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with (self.root / "lock").open("w") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                yield

    # What is needed

    def _resolve(self, names: Sequence[str]) -> list[BinaryPackage]:
        """Return what installing `names` on an empty machine would install."""
        for name in names:
            _check(name.partition("=")[0])
        place = self.root / "resolved" / digest(self._binary.identity, *sorted(names))[:32]
        try:
            rows = json.loads(place.read_text("utf-8"))
        except (OSError, ValueError):
            rows = self._ask_apt(names)
            _write(place, json.dumps(rows))
        return [BinaryPackage(name, version, architecture, sha256, self._file(sha256))
                for name, version, architecture, sha256 in rows]

    def _ask_apt(self, names: Sequence[str]) -> list[list[str]]:
        known = set(self.names())
        for name in names:
            self._check_known(name.partition("=")[0], known)
        code, text = self._binary.run("apt-get", "install", "-q", "--print-uris", *names)
        if code:
            raise _refused(names, text)
        wanted = [unquote(match["file"]).removesuffix(".deb").split("_")
                  for match in _URI_LINE.finditer(text)]
        _, text = self._binary.run(
            "apt-cache", "show", *(f"{name}={version}" for name, version, _ in wanted))
        shown = {(one["Package"], one["Version"]): one for one in map(fields_of, _stanzas(text))}
        return sorted([name, version, architecture, shown[name, version]["SHA256"]]
                      for name, version, architecture in wanted)

    def _check_known(self, name: str, known: set[str]) -> None:
        if name in known:
            return
        _, text = self._binary.run("apt-cache", "showpkg", name)
        providers = re.findall(r"^(\S+) \S+", text.partition("Reverse Provides:")[2], re.M)
        if providers:
            raise UsageError(f"{name} is not a package, but something that several provide",
                             next_step=f"choose one: {', '.join(sorted({*providers})[:8])}")
        raise UsageError(f"Debian has no package called {name!r}", name=name,
                         next_step=_near(name, known))

    # Its files

    def _file(self, sha256: str) -> Path:
        return self.root / "debs" / f"{sha256}.deb"

    def _fetch(self, packages: list[BinaryPackage]) -> tuple[BinaryPackage, ...]:
        missing = [one for one in packages if not one.path.exists()]
        if missing:
            (self.root / "debs").mkdir(exist_ok=True)
            with self._staging() as folder:
                try:
                    code, text = self._binary.run(
                        "apt-get", "download", "-q",
                        *(f"{one.name}={one.version}" for one in missing), cwd=folder)
                finally:  # interrupted too: what has arrived need not come again
                    self._keep(missing, folder)
            if code and any(not one.path.exists() for one in missing):
                raise _GoneError(text) if _GONE.search(text) else self._binary.failure(text)
        return tuple(packages)

    def _keep(self, missing: list[BinaryPackage], folder: Path) -> None:
        """Move what has arrived whole to where its SHA-256 finds it."""
        wanted = {one.sha256: one.path for one in missing}
        for path in folder.glob("*.deb"):
            with path.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            if sha256 in wanted:
                os.replace(path, wanted[sha256])

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix=".staging-", dir=self.root) as folder:
            yield Path(folder)

    def _download_source(self, name: str, place: Path) -> None:
        _, text = self._source.run("apt-cache", "showsrc", "--only-source", name)
        if not text.strip():
            raise UsageError(f"Debian has no source package called {name!r}", name=name,
                             next_step="see https://tracker.debian.org for its name")
        with self._staging() as folder:
            code, text = self._source.run("apt-get", "source", "-q", "--only-source",
                                          "--download-only", name, cwd=folder)
            if code:
                raise self._source.failure(text)
            place.parent.mkdir(exist_ok=True)
            whole = folder / "whole"
            whole.mkdir()
            for path in [path for path in folder.iterdir() if path.is_file()]:
                os.replace(path, whole / path.name)
            os.rename(whole, place)


class _GoneError(HostError):
    """The archive has not got a file any more that its index had."""

    def __init__(self, log: str) -> None:
        super().__init__("the Debian archive changed while it was read", log=log,
                         next_step="run it again in some minutes")


def fields_of(stanza: str) -> dict[str, str]:
    """Return the fields of a control stanza; deb-control(5)."""
    return {match[1]: match[2].strip() for match in
            re.finditer(r"^([A-Za-z0-9-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.M)}


def _stanzas(text: str) -> list[str]:
    return [stanza for stanza in re.split(r"\n\s*\n", text) if stanza.strip()]


def _stored_source(name: str, place: Path) -> SourcePackage | None:
    dsc = next(iter(sorted(place.glob("*.dsc"))), None)
    if dsc is None:
        return None
    version = fields_of(dsc.read_text("utf-8", "replace")).get("Version", "")
    return SourcePackage(name, version, dsc, tuple(sorted(place.iterdir())))


def _check(name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"not a name of a Debian package: {name!r}",
                         next_step="use lower-case letters, digits, + - and ., such as lua5.4")


def _refused(names: Sequence[str], text: str) -> UsageError | HostError:
    if "Version" in text and "was not found" in text:
        return UsageError(f"Debian has no such version: {' '.join(names)}", log=text,
                          next_step="leave the version out to get the newest")
    tail = text.partition("unmet dependencies:")[2].partition("\nE:")[0].strip()
    return UsageError(f"{' '.join(names)} cannot be installed together: {tail or text.strip()}",
                      next_step="leave one out, or take another version", log=text)


def _near(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, n=4, cutoff=_LIKE)
    close += sorted(one for one in known if one.startswith(name) and one not in close)[:4]
    return meant(close[:5]) or "look for it on https://packages.debian.org"


def _write(place: Path, text: str) -> None:
    place.parent.mkdir(exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", dir=place.parent)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    os.replace(temporary, place)
