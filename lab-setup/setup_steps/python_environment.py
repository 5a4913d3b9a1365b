""".venv: made from the pins, and made again when it is broken or from another Python."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from .failures import SetupError
from .progress import Progress, Step
from .stamps import Stamp, digest

__all__ = ["ensure_environment", "python_in"]

NEEDED_FREE_BYTES = 2_500_000_000
# These need the installed libvirt's headers; without them the direct QEMU driver remains.
LIBVIRT_BUILD_TOOLS = ("gcc", "pkg-config")


def python_in(project: Path) -> Path:
    """Return the Python of the project's virtual environment."""
    return project / ".venv" / "bin" / "python"


def ensure_environment(progress: Progress, project: Path, testing: bool) -> None:
    """Make .venv hold the pinned packages and this project, installed in place."""
    extra = "test" if testing else "run"
    with_libvirt = can_build_libvirt()
    wanted = digest(
        [project / "pyproject.toml", project / "lab-setup" / "constraints.txt"],
        str(project), platform.python_version(), sys.executable, f"libvirt={with_libvirt}")
    stamps = {name: Stamp(project / ".venv" / f"rumplab-{name}.stamp") for name in ("run", "test")}
    # What the tests need includes what a run needs.
    enough = [stamps["test"]] if testing else [stamps["run"], stamps["test"]]

    with progress.step("Python environment") as step:
        healthy = is_healthy(project)
        if healthy and any(stamp.matches(wanted) for stamp in enough):
            step.result = "up to date"
            return
        check_room(project)
        if not healthy:
            create(step, project)
        for stamp in stamps.values():
            stamp.remove()
        fill(step, project, testing, with_libvirt)
        write_jupyterlab_defaults(project)
        stamps[extra].write(wanted)
        step.result = "packages installed in .venv"
        if not with_libvirt:
            step.result += ", libvirt-python left out"


def is_healthy(project: Path) -> bool:
    """Return whether .venv runs, is of this Python version, and has pip."""
    code = "import platform, pip; print(platform.python_version())"
    try:
        said = subprocess.run([str(python_in(project)), "-I", "-c", code],
                              capture_output=True, text=True)
    except OSError:
        return False
    return said.returncode == 0 and said.stdout.strip() == platform.python_version()


def can_build_libvirt() -> bool:
    """Return whether libvirt-python can be compiled here."""
    if not all(map(shutil.which, LIBVIRT_BUILD_TOOLS)):
        return False
    return subprocess.run(["pkg-config", "--exists", "libvirt", "python3"],
                          capture_output=True).returncode == 0


def check_room(project: Path) -> None:
    """Raise SetupError if the disk cannot hold the environment."""
    free = shutil.disk_usage(project).free
    if free < NEEDED_FREE_BYTES and not python_in(project).exists():
        raise SetupError(
            f"{free / 1e9:.1f} GB are free where the project is, {NEEDED_FREE_BYTES / 1e9} needed",
            fix="free some space, or move the project to a larger disk, then run this again")


def create(step: Step, project: Path) -> None:
    """Make .venv anew from the Python that runs this."""
    try:
        import ensurepip  # noqa: F401
    except ImportError as error:
        raise SetupError(
            "this Python cannot make virtual environments: ensurepip is missing",
            fix="install Debian's python3-venv (see the command above), then run this again",
        ) from error
    folder = project / ".venv"
    if folder.is_symlink() or folder.is_file():
        raise SetupError(f"{folder} is not a folder", fix=f"remove {folder}, then run this again")
    step.run([sys.executable, "-m", "venv", "--clear", str(folder)])


def fill(step: Step, project: Path, testing: bool, with_libvirt: bool) -> None:
    """Install the pins, then the project in place."""
    settings = tomllib.loads((project / "pyproject.toml").read_text())
    requirements = list(settings["project"]["dependencies"])
    if testing:
        requirements += settings["project"]["optional-dependencies"]["test"]
    if not with_libvirt:
        requirements = [name for name in requirements if not name.startswith("libvirt-python")]
    # The build backend goes into .venv itself: building without isolation uses the pinned one,
    # and a second set-up needs no network.
    pip = [str(python_in(project)), "-m", "pip", "install", "--no-input",
           "--disable-pip-version-check", "--constraint", "lab-setup/constraints.txt"]
    for arguments in (
        settings["build-system"]["requires"],
        ["--no-build-isolation", *requirements],
        ["--no-build-isolation", "--no-deps", "--editable", "."],
    ):
        step.run([*pip, *arguments], cwd=project, env=clean_environment())


def write_jupyterlab_defaults(project: Path) -> None:
    """Let JupyterLab start without a question about news, and without asking the network."""
    folder = project / ".venv" / "share" / "jupyter" / "lab" / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (folder / "overrides.json").write_text(
        json.dumps({"@jupyterlab/apputils-extension:notification": quiet}))


def clean_environment() -> dict[str, str]:
    """Return variables that keep a user's other Python settings out of .venv."""
    hostile = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")
    return {name: "" for name in hostile if name in os.environ}
