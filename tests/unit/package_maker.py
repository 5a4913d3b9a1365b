"""Small Debian packages and a repository of them, made here: apt and dpkg are the real ones."""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from kernel_magics.build.aptsources import AptSource

__all__ = ["make_deb", "make_repository"]


def make_deb(folder: Path, name: str, files: Mapping[str, bytes | str], version: str = "1",
             postinst: str = "", links: Mapping[str, str] | None = None, **fields: str) -> Path:
    """Build a package with dpkg-deb; what is in a bin folder, or a loader, can be run."""
    tree = folder / f"{name}-{version}"
    values = {"Package": name, "Version": version, "Architecture": "amd64",
              "Maintainer": "nobody <nobody@example.org>", "Section": "misc",
              "Priority": "optional", "Description": f"the package {name}", **fields}
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in values.items()))
    if postinst:
        (tree / "DEBIAN/postinst").write_text(f"#!/bin/sh\n{postinst}")
        (tree / "DEBIAN/postinst").chmod(0o755)
    for path, data in files.items():
        place = tree / path.strip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)
        place.chmod(0o755 if "bin/" in path or "/ld-" in path else 0o644)
    for path, target in (links or {}).items():
        (tree / path.strip("/")).parent.mkdir(parents=True, exist_ok=True)
        (tree / path.strip("/")).symlink_to(target)
    built = folder / f"{name}_{version}_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, built], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": "1000000000"})
    return built


def make_repository(folder: Path) -> list[AptSource]:
    """Write the index of the packages in a folder; return it as a source that is trusted."""
    stanzas = []
    for deb in sorted(folder.glob("*.deb")):
        control = subprocess.run(["dpkg-deb", "-f", deb], check=True, capture_output=True,
                                 text=True).stdout
        data = deb.read_bytes()
        stanzas.append(f"{control}Filename: ./{deb.name}\nSize: {len(data)}\n"
                       f"SHA256: {hashlib.sha256(data).hexdigest()}\n")
    index = "\n".join(stanzas).encode()
    (folder / "Packages").write_bytes(index)
    (folder / "Release").write_text(
        "Origin: test\nSuite: test\nSHA256:\n "
        f"{hashlib.sha256(index).hexdigest()} {len(index)} Packages\n")
    return [AptSource((f"file:{folder}",), ("./",), (), {"Trusted": "yes"})]
