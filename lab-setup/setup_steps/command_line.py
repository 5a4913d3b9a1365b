"""The commands start, test and doctor: which steps, in which order."""

import argparse
import io
import os
import socket
import subprocess
import sys
from pathlib import Path

from .failures import SetupError
from .products import ensure_runtime, ensure_widgets, run_with_lab
from .progress import Progress, alone, end_on_sigterm
from .python_environment import ensure_environment, python_in
from .system_packages import ensure_packages

__all__ = ["main"]

PROJECT = Path(__file__).resolve().parent.parent.parent
LAB_SETUP = PROJECT / "lab-setup"
LOGS = PROJECT / "build" / "lab-setup"
FIRST_NOTEBOOK = Path("notebooks") / "00_first_guest.ipynb"
FAST = "not slow and not browser and not bench and not notebook"
FAST_TESTS = ("tests/unit", "tests/structure", "tests/guest/test_magics_session.py")


def main(arguments: list[str]) -> int:
    """Run one command; return its exit status."""
    command, *rest = arguments
    end_on_sigterm()
    show_what_can_be_shown()
    try:
        return {"start": start, "test": test, "doctor": doctor}[command](rest)
    except KeyboardInterrupt:
        print(f"\ninterrupted; ./lab-setup/{command} goes on where it stopped", file=sys.stderr)
        return 130
    except SetupError as error:
        show(error)
        return 1
    except OSError as error:
        show(SetupError(f"{error.strerror or error}: {error.filename}",
                        fix="check the space and the owner of the project folder"))
        return 1


def show_what_can_be_shown() -> None:
    """In a locale that is not UTF-8, write ? for other characters, here and in what is run."""
    os.environ.setdefault("PYTHONIOENCODING", ":replace")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def show(error: SetupError) -> None:
    """Print a failed step: the end of its log, what is wrong, what to do."""
    sys.stdout.flush()
    if error.tail:
        print(f"\n  the end of {error.log}:", file=sys.stderr)
        print("\n".join(f"    {line}" for line in error.tail.splitlines()), file=sys.stderr)
    print(f"\n  {error.message}\n  to repair it: {error.fix}", file=sys.stderr)


def set_up(progress: Progress, testing: bool) -> list[str]:
    """Do the steps that both commands share; return the system packages that stay missing."""
    with alone(LOGS):
        missing = ensure_packages(progress, testing)
        ensure_environment(progress, PROJECT, testing)
        ensure_runtime(progress, PROJECT)
        ensure_widgets(progress, PROJECT)
    return missing


def start(arguments: list[str]) -> int:
    """Set up, boot a guest, then start JupyterLab or execute a notebook."""
    parser = argparse.ArgumentParser(
        prog="./lab-setup/start",
        description="Set the lab up, boot a guest as a self-test, start JupyterLab.",
        epilog="Run again, it changes nothing and starts in seconds.  Arguments after -- go to "
               "JupyterLab.  The steps' logs are in build/lab-setup/.")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    parser.add_argument("--port", type=port_number, metavar="N", help="JupyterLab's port")
    parser.add_argument("--run", type=Path, metavar="NOTEBOOK",
                        help="execute a notebook, print each cell's text output, and end; "
                             "the exit status is not 0 if a cell failed")
    parser.add_argument("jupyter", nargs="*", metavar="-- JUPYTER-ARGUMENT")
    options = parser.parse_args(arguments)
    if options.run and not options.run.is_file():
        parser.error(f"there is no notebook {options.run}")
    if options.port and in_use(options.port):
        parser.error(f"port {options.port} is in use; choose another")

    progress = Progress(LOGS)
    missing = set_up(progress, testing=False)
    self_test(progress, missing)
    if options.run:
        return execute_notebook(options.run.resolve())
    return jupyter_lab(options)


def port_number(text: str) -> int:
    """Return a TCP port given as an argument."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text}")
    return int(text)


def in_use(port: int) -> bool:
    """Return whether another program of this machine listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def self_test(progress: Progress, missing: list[str]) -> None:
    """Boot a guest and show its boot chart."""
    with progress.step("self-test") as step:
        try:
            run_with_lab(step, PROJECT, "self_test.py")
            step.result = "a guest booted, spoke and left with its status"
        except SetupError:
            if not missing:
                raise
            step.result = "left out: no guest boots without those packages"
    # The first line of the log is the command itself.
    progress.note("\n" + "".join(step.log.read_text().splitlines(keepends=True)[1:]) + "\n")


def execute_notebook(notebook: Path) -> int:
    """Execute a notebook in .venv, showing what its cells print."""
    return subprocess.call([str(python_in(PROJECT)), str(LAB_SETUP / "run_notebook.py"),
                            str(notebook)])


def jupyter_lab(options: argparse.Namespace) -> int:
    """Become JupyterLab."""
    argv = [str(python_in(PROJECT)), "-m", "jupyterlab",
            # In the printed address too, unlike a notebook given as an argument.
            f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK.as_posix()}",
            # Other users of this machine cannot listen to what server and kernels say.
            "--KernelManager.transport_encryption=auto",
            # One Ctrl-C ends it: the question it would ask has one answer here.
            "--ServerApp.answer_yes=True"]
    if os.geteuid() == 0:
        argv.append("--allow-root")
    if options.no_browser:
        argv.append("--no-browser")
    if options.port:
        argv += [f"--port={options.port}", "--ServerApp.port_retries=0"]
    os.chdir(PROJECT)
    sys.stdout.flush()
    os.execv(argv[0], [*argv, *options.jupyter])


def test(arguments: list[str]) -> int:
    """Set up what the tests need and become pytest."""
    parser = argparse.ArgumentParser(
        prog="./lab-setup/test",
        description="Set up what the tests need and run them; the exit status is pytest's.",
        epilog="Further arguments go to pytest.  LAB_REQUIRE=kvm,browser,… turns the skips for a "
               "missing capability into failures.")
    parser.add_argument("which", nargs="?", default="all", metavar="fast|all",
                        help="fast: unit, structure and a few guests, or what of the given files "
                             "is quick; about six minutes on a machine with nothing else to do")
    options, further = parser.parse_known_args(arguments)
    pytest = pytest_arguments(options.which, further)
    set_up(Progress(LOGS), testing=True)
    os.chdir(PROJECT)
    sys.stdout.flush()
    python = str(python_in(PROJECT))
    os.execv(python, [python, "-m", "pytest", *pytest])


def pytest_arguments(which: str, further: list[str]) -> list[str]:
    """Return what pytest is told: `which` is fast, all, or the first of its own arguments."""
    if which == "all":
        return further
    if which != "fast":
        return [which, *further]
    chosen = any(word.split("/")[0] == "tests" for word in further)
    return ["-m", FAST, *further, *(() if chosen else FAST_TESTS)]


def doctor(arguments: list[str]) -> int:
    """Say what this machine can do, and how to repair what it cannot."""
    parser = argparse.ArgumentParser(
        prog="./lab-setup/doctor",
        description="Say what this machine can do for the lab, and how to repair what it cannot; "
                    "the exit status is 0 if guests can be built and booted.")
    parser.add_argument("--refresh", action="store_true", help="measure the accelerators again")
    parser.parse_args(arguments)
    if not python_in(PROJECT).exists():
        raise SetupError("the lab is not set up yet", fix="run ./lab-setup/start")
    return subprocess.call([str(python_in(PROJECT)), str(LAB_SETUP / "examine.py"), *arguments])
