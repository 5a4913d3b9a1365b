"""Build the guest runtime, unless it is built already, and print where it is."""

import sys

from kernel_magics.build.runtime import find_runtime
from kernel_magics.errors import LabError

if __name__ == "__main__":
    try:
        print(find_runtime().object)
    except LabError as error:
        sys.exit(str(error))
