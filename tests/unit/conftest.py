"""What several unit tests use: the runtime's file systems as a program of this host."""

import os
import subprocess
from pathlib import Path

import pytest
from capabilities import need

SOURCE = Path(__file__).parent.parent / "host_seam"


@pytest.fixture(scope="session")
def vfs_host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that runs a scenario in the guest's world, on a disk, or on Linux."""
    need("compiler")
    out = tmp_path_factory.mktemp("host_seam")
    subprocess.run(["make", "-s", "-C", str(SOURCE), f"-j{os.cpu_count()}", f"OUT={out}"],
                   check=True, capture_output=True, text=True)
    return out / "vfs_host"
