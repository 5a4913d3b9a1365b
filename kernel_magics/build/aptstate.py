"""One apt of the lab's own: its configuration, its lists, and what its messages mean."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from kernel_magics.build.aptsources import AptSource, debian_sources, system_sources
from kernel_magics.build.cache import digest
from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import HostError

__all__ = ["AptState"]

LISTS_SECONDS, RETRY_SECONDS = 7 * 24 * 3600, 3600
OS_RELEASE = Path("/etc/os-release")
# How the machine's apt reaches the archive; everything else about it is the lab's choice.
_REACHING = re.compile(r"^Acquire::(https?|ftp|socks|Retries|ForceIPv[46]|Check-Valid-Until|"
                       r"Check-Date|Max-ValidTime)\b", re.I)
_UNREACHABLE = re.compile(r"Could not resolve|Temporary failure|Could not connect|"
                          r"Connection (failed|refused|timed out)|Network is unreachable|"
                          r"Unable to connect|Cannot initiate the connection|407 ")
_LOG_TAIL_LINES = 12


class AptState:
    """An apt with configuration, lists and cache below `folder`.

    `kind` is "deb" for binary packages, "deb-src" for source packages; `sources` what it
    takes them from, by default Debian's archives among those of the machine's apt.
    """

    def __init__(self, folder: Path, kind: str,
                 sources: Sequence[AptSource] | None = None) -> None:
        self.folder = folder
        self.kind = kind
        self.sources = sources
        self._configured = False

    @property
    def lists_are_there(self) -> bool:
        """Whether the archive's index was fetched at some time."""
        return self._stamp.exists()

    @property
    def _age_seconds(self) -> float:
        return time.time() - self._stamp.stat().st_mtime

    @property
    def identity(self) -> str:
        """A text that changes when the index does."""
        found = sorted((self.folder / "lists").glob("*Release"))
        return digest(*(part for path in found for part in (path.name, path.read_bytes())))

    @property
    def _stamp(self) -> Path:
        return self.folder / "updated"

    def update_if(self, wanted: bool) -> None:
        """Fetch the index if `wanted`, if it is old or never was fetched.

        Without a network an old one goes on being used, and is asked for again in an hour.
        """
        if wanted or not self.lists_are_there:
            self.update()
        elif self._age_seconds > LISTS_SECONDS:
            try:
                self.update()
            except HostError:
                later = time.time() - LISTS_SECONDS + RETRY_SECONDS
                os.utime(self._stamp, (later, later))

    def update(self) -> None:
        """Fetch the archive's index; raises HostError if that is not possible."""
        code, text = self.run("apt-get", "update", "-q")
        if code:
            raise self.failure(text)
        self._stamp.touch()

    def run(self, tool: str, *arguments: str, cwd: Path | None = None) -> tuple[int, str]:
        """Run apt-get or apt-cache; return its status and what it wrote.

        Raises HostError if this machine has no apt.
        """
        if shutil.which(tool) is None:
            raise HostError(f"no {tool}: packages can be taken only on Debian",
                            next_step="use the lab on Debian 12")
        if not self._configured:
            self._configure()
        return run_tool([tool, *arguments], cwd=cwd,
                        env={"APT_CONFIG": str(self.folder / "apt.conf")})

    def failure(self, text: str) -> HostError:
        """Return what a failed run means."""
        said = [line[3:] if line[:3] in ("E: ", "W: ") else line
                for line in text.splitlines() if re.match(r"[EW]: |Err:", line)]
        tail = "\n".join((said or text.splitlines())[-_LOG_TAIL_LINES:])
        if "No space left on device" in text:
            return HostError(f"no space left on device in {self.folder.parent}",
                             next_step="free some space there, or set RUMPLAB_CACHE to a "
                                       "folder on another disk", log=text)
        if _UNREACHABLE.search(text):
            return HostError("the Debian archive cannot be reached", log=text,
                             next_step="check the network, or set http_proxy; packages that "
                                       "were fetched before work without")
        if re.search(r"NO_PUBKEY|is not signed|signatures? (were|was|couldn)", text):
            return HostError(f"the Debian archive's signature does not fit:\n{tail}", log=text,
                             next_step="install debian-archive-keyring, and check the sources "
                                       "in /etc/apt")
        return HostError(f"apt cannot do it:\n{tail}", log=text,
                         next_step="see its whole output in the attribute log")

    def _configure(self) -> None:
        for name in ("lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        sources = self.sources
        if sources is None:
            sources = debian_sources(system_sources(), _codename())
        if not sources:
            raise HostError("this machine's apt knows no archive of Debian's",
                            next_step="add one in /etc/apt; see sources.list(5)")
        self._write("debian.sources", "\n".join(source.text(self.kind) for source in sources))
        self._write("apt.conf", "\n".join([*_reaching(), *self._settings(), ""]))
        self._configured = True

    def _settings(self) -> list[str]:
        """Return a configuration in which nothing of the machine's own state is left."""
        values = {
            "Dir::State": self.folder, "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "Dir::Cache::pkgcache": "pkgcache.bin", "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
            "Dir::Log": self.folder / "cache",
            "Dir::Etc::sourcelist": self.folder / "debian.sources",
            **{f"Dir::Etc::{part}": "/dev/null" for part in
               ("sourceparts", "parts", "main", "preferences", "preferencesparts")},
            "APT::Architecture": "amd64", "APT::Architectures": "amd64",
            "APT::Install-Recommends": "false", "APT::Get::Assume-Yes": "true",
            "APT::Sandbox::User": "root",  # no other user can write below the cache
            "APT::Update::Error-Mode": "any", "Acquire::Languages": "none",
            "Acquire::GzipIndexes": "true",
        }
        return [f'{name} "{value}";' for name, value in values.items()]

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            temporary = path.with_name(f".{name}-{os.getpid()}")
            temporary.write_text(text, "utf-8")
            os.replace(temporary, path)


def _reaching() -> list[str]:
    """Return the machine's apt settings of proxies, certificates and the like."""
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if _REACHING.match(line)]


def _codename() -> str:
    try:
        match = re.search(r'^VERSION_CODENAME="?(\w+)', OS_RELEASE.read_text("utf-8"), re.M)
    except OSError:
        match = None
    return match[1] if match else "stable"
