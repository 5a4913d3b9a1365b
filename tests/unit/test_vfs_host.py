"""The guest's file systems beside Linux's own: the same calls, the same results.

The runtime's vfs and sys layers are compiled for this host, with sanitizers, onto the seam
in tests/host_seam; the other side is this machine's kernel with a tmpfs as root and a
pseudo-terminal.  Every result that a scenario notes must be the same in both.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from capabilities import CAPABILITIES, need

FUZZ_SEEDS = range(1, 9)
FUZZ_STEPS = 3000
TIMEOUT_S = 60

CALL_SCENARIOS = (
    # names
    "opening", "masks_and_modes", "directories", "working_directory", "hard_links",
    "symbolic_links", "renaming", "link_counts", "many_entries", "listing_in_pieces", "times",
    "time_rules", "more_stat", "many_descriptors", "descriptor_links",
    # data
    "reading_and_writing", "large_writes", "seeking", "truncating", "allocating", "vectors",
    "bad_addresses", "sending", "memory_files", "locking", "memory_devices",
    # waiting
    "pipes", "pipe_between_threads", "waiting_for_a_pipe", "fifos", "polling",
    "waiting_for_two", "selecting", "epoll_levels_and_edges", "epoll_errors_and_nesting",
    "epoll_between_threads", "event_counters", "waiting_for_a_lock",
    # the terminal
    "output", "lines", "editing", "end_of_input", "poll_and_count", "without_lines",
    "settings", "long_lines", "waiting_for_a_key",
)
# Device nodes and owners outside a user namespace's map are root's alone.
ROOT_SCENARIOS = ("masks_and_modes", "memory_devices")
GUEST_SCENARIOS = (
    "memory_comes_back", "failing_allocations", "full", "half_of_memory",
    "pipes_return_pages", "first_files",
)
HOSTILE_SCENARIOS = ("use_everything", "use_server", "use_archive", "load")
DISK_SCENARIOS = ("ledger",)  # test_vfs_power


def _namespaces() -> str:
    done = subprocess.run(["unshare", "--mount", "--map-root-user", "true"],
                          capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip()


CAPABILITIES.setdefault("namespaces", _namespaces)


def guest(program: Path, *scenario: str) -> list[str]:
    done = subprocess.run([str(program), "guest", *scenario], capture_output=True, text=True,
                          errors="replace", timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def linux(program: Path, root: Path, *scenario: str) -> list[str]:
    need("namespaces")
    done = subprocess.run([str(program), "linux", str(root), *scenario], capture_output=True,
                          text=True, errors="replace", timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An empty directory; what is mounted on it goes with the process that mounted it."""
    path = tmp_path / "root"
    path.mkdir()
    yield path
    assert not list(path.iterdir())


def test_every_scenario_is_run(vfs_host: Path) -> None:
    listed = subprocess.run([str(vfs_host), "list"], capture_output=True, text=True, check=True)
    assert listed.stdout.split()[1::2] == [
        *CALL_SCENARIOS, *GUEST_SCENARIOS, *HOSTILE_SCENARIOS, *DISK_SCENARIOS]


@pytest.mark.parametrize("scenario", CALL_SCENARIOS)
def test_calls_as_on_linux(vfs_host: Path, root: Path, scenario: str) -> None:
    if scenario in ROOT_SCENARIOS:
        need("root")
    expected = linux(vfs_host, root, scenario)
    assert expected
    assert guest(vfs_host, scenario) == expected


@pytest.mark.parametrize("seed", FUZZ_SEEDS)
def test_random_calls_as_on_linux(vfs_host: Path, root: Path, seed: int) -> None:
    arguments = ("fuzz", str(seed), str(FUZZ_STEPS))
    expected = linux(vfs_host, root, *arguments)
    assert len(expected) > FUZZ_STEPS
    assert guest(vfs_host, *arguments) == expected


@pytest.mark.parametrize("scenario", ("memory_comes_back", "failing_allocations"))
def test_nothing_is_kept(vfs_host: Path, scenario: str) -> None:
    lines = [line for line in guest(vfs_host, scenario) if "more than before" in line]
    assert lines
    assert all(": 0 pages and 0 objects" in line for line in lines)


def test_a_full_file_system_says_so_and_recovers(vfs_host: Path) -> None:
    lines = guest(vfs_host, "full")
    assert "100 pages, then -28" in lines          # ENOSPC
    assert "write(3, page, 1) = -28" in lines
    assert "pwrite64(3, page, 10, 0) = 10" in lines
    assert lines[-1] == "0 held"


def test_files_take_half_of_memory_at_most(vfs_host: Path) -> None:
    lines = guest(vfs_host, "half_of_memory")
    total_pages = int(lines[1].split()[2])
    assert "1021994 4096" in lines[1]
    written = int(lines[4])
    assert total_pages - 10 < written <= total_pages
    assert lines[-1] == "write(3, page, 1) = 1"


def test_closed_pipes_give_their_pages_back(vfs_host: Path) -> None:
    assert guest(vfs_host, "pipes_return_pages") == ["0 0"]


def test_the_root_file_system_at_start(vfs_host: Path) -> None:
    lines = guest(vfs_host, "first_files")
    assert lines[0].split(":")[2].split() == [
        "4.", "4..", "4dev", "4etc", "4proc", "4root", "4sys", "4tmp"]
    for device in ("2console", "2null", "2zero", "2full", "2random", "2urandom", "2tty"):
        assert device in lines[1].split()
    assert {"8hosts", "8hostname"} <= set(lines[2].split())
