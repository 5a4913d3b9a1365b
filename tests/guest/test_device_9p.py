"""9P messages behind the hypercalls, with QEMU's own server of a host folder."""

from pathlib import Path

import device_guest
import pytest
from capabilities import need
from device_guest import device, run

pytestmark = pytest.mark.guest

SIZE = 3_000_000
EBUSY, ENODEV, ETIMEDOUT, EMSGSIZE = -16, -19, -110, -90
ATTACHED, WALKED, OPENED, REFUSED, VERSION = 105, 111, 13, 7, 101


@pytest.fixture
def image() -> Path:
    need("qemu")
    return device_guest.image()


def share(machine: str, folder: Path, options: str = "") -> list[str]:
    """Return the arguments for a folder that the guest reaches as `t`."""
    return ["-fsdev", f"local,id=f,path={folder},security_model=none{options}",
            *device(machine, "9p", fsdev="f", mount_tag="t")]


@pytest.mark.parametrize("machine", device_guest.MACHINES)
def test_a_file_is_read_by_one_thread_and_by_eight(image, machine, tmp_path):
    data = bytes(at * at % 251 for at in range(SIZE))
    (tmp_path / "data").write_bytes(data)
    steps = ["9p none", "9p t", "9p t", "9pversion 65536", "9pfile data",
             f"9pread {SIZE} 1", f"9pread {SIZE} 8"]
    lines = run(image, machine, steps, *share(machine, tmp_path))
    assert lines[:4] == [f"9p none: error {ENODEV}", "9p t: error 0", f"9p t: error {EBUSY}",
                         f"version: type {VERSION}, 21 bytes"]
    assert [line.split(",")[0] for line in lines[4:7]] == [
        f"attach: type {ATTACHED}", f"walk: type {WALKED}", f"open: type {OPENED}"]
    assert lines[7:] == [f"9p read: error 0, {SIZE} bytes, sum {sum(data)}"] * 2


def test_what_the_server_refuses_is_its_reply(image, tmp_path):
    lines = run(image, "microvm", ["9p t", "9pversion 65536", "9pfile nothing"],
                *share("microvm", tmp_path))
    assert lines[3] == f"walk: type {REFUSED}, 11 bytes"


def test_a_reply_after_the_deadline_harms_nobody(image, tmp_path):
    """The server is made to read a page a second; a second request does not wait for it."""
    (tmp_path / "data").write_bytes(bytes(SIZE))
    steps = ["9p t", "9pversion 8192", "9pfile data", "9plate 20000 200", "9pversion 8192",
             "sleep 1500", "9pversion 8192"]
    lines = run(image, "microvm", steps,
                *share("microvm", tmp_path, ",throttling.bps-read=4096"))
    assert f"late: error {ETIMEDOUT}" in lines
    assert lines[-1] == f"version: type {VERSION}, 21 bytes"
