"""Debian packages: which are missing, and how this user can install them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from .failures import CommandFailed
from .progress import Progress, Step

__all__ = ["Package", "read_packages", "wanted_groups", "missing_packages", "ensure_packages"]

LIST = Path(__file__).parent.parent / "system-packages.txt"
PACKAGE_LISTS = Path("/var/lib/apt/lists")
MINIMUM_NODE = 18
PROXY_VARIABLES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")


class Package(NamedTuple):
    """A line of system-packages.txt."""

    group: str
    name: str
    why: str


def read_packages(path: Path = LIST) -> list[Package]:
    """Return the packages listed in a file of `group package why` lines."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [Package(*line.split(maxsplit=2)) for line in lines if line and line[0] != "#"]


def wanted_groups(testing: bool) -> set[str]:
    """Return the groups of packages that this machine and this user need."""
    groups = {"run"}
    if testing:
        groups.add("test")
    if os.geteuid() == 0:
        groups.add("root")
    if not has_node():
        groups.add("node")
    return groups


def has_node() -> bool:
    """Return whether a Node.js that is new enough is on PATH, with npm."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    version = re.match(r"v(\d+)", said)
    return version is not None and int(version[1]) >= MINIMUM_NODE


def missing_packages(names: list[str]) -> list[str]:
    """Return those of `names` that dpkg does not have installed, in their order."""
    said = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *names],
        capture_output=True, text=True).stdout
    present = {line.split()[0] for line in said.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in present]


def ensure_packages(progress: Progress, testing: bool) -> list[str]:
    """Install the missing packages; return those that this user cannot install.

    Raises CommandFailed when apt-get refuses.
    """
    with progress.step("system packages") as step:
        if not (shutil.which("dpkg-query") and shutil.which("apt-get")):
            step.result = "not a Debian system: nothing installed"
            missing = []
            advice = "lab-setup/system-packages.txt lists what to install instead"
        else:
            groups = wanted_groups(testing)
            missing = missing_packages([p.name for p in read_packages() if p.group in groups])
            advice = ""
            if not missing:
                step.result = "all there"
            elif (prefix := administrator_prefix()) is not None:
                install(step, prefix, missing)
                step.result = f"{len(missing)} installed"
                missing = []
            else:
                step.result = f"{len(missing)} missing, and this user cannot install them"
                advice = ("an administrator can install them with\n\n"
                          f"  {administrator_command(missing)}\n\n"
                          "until then, what can be done without them goes on")
    if advice:
        progress.note(advice)
    return missing


def administrator_prefix() -> list[str] | None:
    """Return what to put before a command that needs root: nothing, sudo, or None if impossible."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if not sudo:
        return None
    # sudo drops the environment, and with it how this network is reached.
    proxies = [f"{name}={os.environ[name]}" for name in PROXY_VARIABLES if name in os.environ]
    prefix = [sudo, "-n", "env", "DEBIAN_FRONTEND=noninteractive", *proxies]
    if subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return prefix
    if sys.stdin.isatty():
        print("\r  installing system packages needs your password (Ctrl-C: go on without)")
        try:
            if subprocess.run([sudo, "-v"]).returncode == 0:
                return prefix
        except KeyboardInterrupt:
            print()
    return None


def administrator_command(names: list[str]) -> str:
    """Return the one line an administrator runs to install `names`."""
    install = "apt-get install --yes --no-install-recommends"
    prefix = "sudo " if shutil.which("sudo") else ""
    return f"{prefix}sh -c 'apt-get update && {install} {' '.join(names)}'"


def install(step: Step, prefix: list[str], names: list[str]) -> None:
    """Install packages, fetching the package lists first if there are none or they are stale."""
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    command = [*prefix, "apt-get", "install", "--yes", "--no-install-recommends",
               "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=60", *names]
    update = [*prefix, "apt-get", "update"]
    fresh = not any(PACKAGE_LISTS.glob("*_Packages*"))
    if fresh:
        step.run(update, env=environment)
    try:
        step.run(command, env=environment)
    except CommandFailed:
        if fresh:
            raise
        # Lists that are weeks old name versions that the mirror no longer has.
        step.run(update, env=environment)
        step.run(command, env=environment)
