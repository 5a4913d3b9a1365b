"""Print what this machine can do for the lab; the exit status is 0 if guests can boot here."""

import sys

from kernel_magics.boot.doctor.doctor import examine

if __name__ == "__main__":
    report = examine(refresh="--refresh" in sys.argv)
    print(report)
    sys.exit(0 if report.ok else 1)
