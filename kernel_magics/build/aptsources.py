"""Which Debian archives this machine's apt is set up to use.

The lab takes packages from where the machine takes its own, with the same keys, but in a
state of its own (`debian.py`).  Other publishers' archives are left out: what is not
Debian's may lack packages, and one that does not answer would stop every update.

Source: sources.list(5): the one-line format and the deb822 format.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

__all__ = ["AptSource", "debian_sources", "parse_deb822", "parse_one_line", "system_sources"]

CONFIGURATION = Path("/etc/apt")
COMPONENTS = {"main", "contrib", "non-free", "non-free-firmware"}
_SUITES = {"stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"}
_POCKETS = ("", "-updates", "-security", "-backports", "-proposed-updates", "/updates")
_SCHEMES = ("http://", "https://", "file:", "copy:", "mirror+", "tor+")
# Options that say whom to trust and how to fetch; others (architectures …) are the lab's.
_KEPT_OPTIONS = {"signed-by": "Signed-By", "trusted": "Trusted",
                 "check-valid-until": "Check-Valid-Until", "by-hash": "By-Hash"}


@dataclass(frozen=True, slots=True)
class AptSource:
    """One entry of apt's list of sources; `options` are fields of the deb822 format."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)

    def text(self, kind: str) -> str:
        """Return the entry as a deb822 stanza of type `kind`, "deb" or "deb-src"."""
        lines = [f"Types: {kind}", f"URIs: {' '.join(self.uris)}",
                 f"Suites: {' '.join(self.suites)}", f"Components: {' '.join(self.components)}"]
        lines += [f"{name}: {value}".replace(": \n", ":\n")
                  for name, value in self.options.items()]
        return "\n".join(lines) + "\n"


def system_sources(configuration: Path = CONFIGURATION) -> list[AptSource]:
    """Return every enabled source of binary packages below apt's configuration folder."""
    found: list[AptSource] = []
    files = [configuration / "sources.list", *sorted(configuration.glob("sources.list.d/*"))]
    for path in files:
        try:
            text = path.read_text("utf-8", "replace")
        except OSError:
            continue
        if path.suffix == ".list":
            found += parse_one_line(text)
        elif path.suffix == ".sources":
            found += parse_deb822(text)
    return found


def debian_sources(sources: Iterable[AptSource], codename: str) -> list[AptSource]:
    """Return what is Debian's of `sources`: its suites, components and reachable places.

    `codename` is this release's, such as "bookworm".
    """
    suites = {name + pocket for name in {codename, *_SUITES} for pocket in _POCKETS}
    kept = []
    for source in sources:
        narrowed = replace(
            source,
            uris=tuple(uri for uri in source.uris if uri.startswith(_SCHEMES)),
            suites=tuple(suite for suite in source.suites if suite in suites),
            components=tuple(name for name in source.components if name in COMPONENTS))
        if narrowed.uris and narrowed.suites and narrowed.components:
            kept.append(narrowed)
    return kept


def parse_one_line(text: str) -> Iterator[AptSource]:
    """Yield the sources of a file of `deb [options] uri suite component…` lines."""
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        match = re.fullmatch(r"deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)\s+(.+)", line)
        if match:
            words, uri, suite, components = match.groups()
            pairs = (word.partition("=") for word in (words or "").split())
            yield AptSource((uri,), (suite,), tuple(components.split()),
                            _kept({name: value for name, _, value in pairs}))


def parse_deb822(text: str) -> Iterator[AptSource]:
    """Yield the sources of a file of stanzas, the format of `.sources` files."""
    text = re.sub(r"^#.*\n?", "", text, flags=re.M)
    for stanza in re.split(r"\n\s*\n", text):
        fields = {match[1].lower(): match[2].strip() for match in
                  re.finditer(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.M)}
        enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "0")
        if enabled and "deb" in fields.get("types", "").split():
            # A value of several lines is a key written out: its first line stays empty.
            options = {name: value if "\n" not in value else f"\n {value}"
                       for name, value in fields.items()}
            yield AptSource(tuple(fields.get("uris", "").split()),
                            tuple(fields.get("suites", "").split()),
                            tuple(fields.get("components", "").split()), _kept(options))


def _kept(options: dict[str, str]) -> dict[str, str]:
    return {_KEPT_OPTIONS[name.lower()]: value for name, value in options.items()
            if name.lower() in _KEPT_OPTIONS}
