"""What is made from the sources: the guest runtime and the widgets' bundles."""

import shutil
from pathlib import Path

from .failures import CommandFailed, SetupError
from .progress import Progress, Step
from .python_environment import python_in
from .stamps import Stamp, digest

__all__ = ["ensure_runtime", "ensure_widgets", "run_with_lab"]

NO_NETWORK = "guests have no network:"  # how the library's warning begins
RUNTIME_TOOLS = ("gcc", "make", "ld", "musl-gcc")


def ensure_runtime(progress: Progress, project: Path) -> None:
    """Build images/rumpkit through the library, which knows where its products belong."""
    with progress.step("guest runtime") as step:
        if absent := [tool for tool in RUNTIME_TOOLS if not shutil.which(tool)]:
            step.result = f"left out: needs {', '.join(absent)}"
            return
        run_with_lab(step, project, "build_runtime.py")
        said = step.log.read_text()
        size = Path(said.splitlines()[-1]).stat().st_size
        step.result = f"rumpkit.o, {size / 1024:.0f} KiB with its debugging information"
    if (start := said.find(NO_NETWORK)) >= 0:
        progress.note("\n".join(said[start:].splitlines()[:2]))


def ensure_widgets(progress: Progress, project: Path) -> None:
    """Bundle kernel_magics/widgets/src into kernel_magics/widgets/static."""
    folder = project / "kernel_magics" / "widgets"
    stamp = Stamp(folder / "static" / "rumplab.stamp")
    modules = Stamp(folder / "node_modules" / "rumplab.stamp")
    with progress.step("widget bundles") as step:
        lock = [folder / "package.json", folder / "package-lock.json"]
        sources = [path for path in folder.iterdir() if path.suffix in {".json", ".mjs", ".js"}]
        sources += [path for path in (folder / "src").rglob("*") if path.is_file()]
        wanted = digest(sources)
        if stamp.matches(wanted):
            step.result = "up to date"
            return
        if not (shutil.which("node") and shutil.which("npm")):
            step.result = "left out: needs node and npm"
            return
        stamp.remove()
        if not modules.matches(digest(lock)):
            step.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder)
            modules.write(digest(lock))
        step.run(["npm", "run", "build"], cwd=folder)
        stamp.write(wanted)
        step.result = "built"


def run_with_lab(step: Step, project: Path, script: str) -> None:
    """Run a script of lab-setup/ in .venv; its last words are the message of a failure."""
    try:
        step.run([str(python_in(project)), str(project / "lab-setup" / script)])
    except CommandFailed as error:
        raise SetupError(
            f"{script} failed, as said above", tail=error.tail, log=error.log,
            fix="do what it says; ./lab-setup/doctor tells more about this machine") from error
