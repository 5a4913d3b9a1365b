"""Runs benchmarks by name, prints min/median/max, and leaves JSON in tests/artefacts/."""

import argparse
import sys
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
    failed = 0
    for name in options.names or BENCHMARKS:
        try:
            report = import_module(f".{name}", __package__).run(options.quick)
        except LabError as error:
            print(f"{name} could not be run: {error}\n", file=sys.stderr, flush=True)
            failed = 1
            continue
        report.save()
        print(report, end="\n\n", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
