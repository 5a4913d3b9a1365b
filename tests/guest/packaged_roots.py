"""The oracle of packaged programs: the same program, with the same root, on this machine.

The archive is unpacked by GNU cpio; the program has it as its root directory and a
pseudo-terminal that leaves its output as it is, as a guest's console does.
"""

import ctypes
import os
import pty
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel_magics.build import GuestImage

__all__ = ["ENV", "on_this_machine", "served_here", "unpack_root"]

ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "GREETING": "hello"}
CLONE_NEWUSER = 0x10000000


def unpack_root(image: GuestImage, place: Path) -> Path:
    """Unpack an image's root into a folder and return it."""
    with image.initrd.open("rb") as stream:
        subprocess.run(["cpio", "-idm", "--quiet", "--no-preserve-owner"], cwd=place,
                       stdin=stream, check=True)
    (place / "dev/null").touch()  # a user who is not root cannot make a device
    return place


def enter(root: Path) -> None:
    """Make `root` the root of this process, as root or in a user namespace where it is one."""
    user, group = os.geteuid(), os.getegid()
    if user:
        ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    os.chroot(root)
    os.chdir("/")


def on_this_machine(root: Path, argv: list[str], path: str) -> tuple[int, str]:
    """Run a program of a root; return its status and what it wrote on its terminal."""
    master, slave = pty.openpty()
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    with subprocess.Popen(argv, executable=path, stdin=subprocess.DEVNULL, stdout=slave,
                          stderr=slave, env=ENV, preexec_fn=lambda: enter(root)) as process:
        os.close(slave)
        text = b""
        while True:
            try:
                text += os.read(master, 65536)
            except OSError:  # EIO: nobody has the other end any more
                break
    os.close(master)
    return process.returncode, text.decode("utf-8", "replace")


@contextmanager
def served_here(root: Path, argv: list[str], path: str) -> Iterator[None]:
    """Let a server of a root run meanwhile."""
    process = subprocess.Popen(argv, executable=path, stdin=subprocess.DEVNULL, env=ENV,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: enter(root))
    try:
        yield
    finally:
        process.kill()
        process.wait()
