"""What is made from the sources: the guest runtime and the widgets' bundles."""

import shutil
from pathlib import Path

from .progress import Progress
from .python_environment import python_in
from .stamps import Stamp, digest

__all__ = ["ensure_runtime", "ensure_widgets"]


def ensure_runtime(progress: Progress, project: Path) -> None:
    """Build images/rumpkit through the library, which knows where its products belong."""
    with progress.step("guest runtime") as step:
        if absent := [tool for tool in ("gcc", "make", "ld") if not shutil.which(tool)]:
            step.result = f"left out: needs {', '.join(absent)}"
            return
        step.run([str(python_in(project)), "-m", "kernel_magics.build"], cwd=project)
        step.result = "built"


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
