"""Runs benchmarks by name, prints min/median/max, and leaves JSON in tests/artefacts/."""

import argparse
import os
import sys
import tempfile
from importlib import import_module

from kernel_magics.errors import LabError

from . import BENCHMARKS


def main() -> int:
    """Run what the command line names; return 1 if one could not be run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", choices=[[], *BENCHMARKS],
                        help=f"one of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    options = parser.parse_args()
    # Guests of their own, apart from those a notebook is running meanwhile.
    with tempfile.TemporaryDirectory(prefix="rl-bench-", dir=_memory_folder()) as folder:
        os.environ["RUMPLAB_RUNTIME"] = folder
        return max([_run(name, options.quick) for name in options.names or BENCHMARKS])


def _memory_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _run(name: str, quick: bool) -> int:
    try:
        report = import_module(f".{name}", __package__).run(quick)
    except LabError as error:
        print(f"{name} could not be run: {error}\n", file=sys.stderr, flush=True)
        return 1
    report.save()
    print(report, end="\n\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
