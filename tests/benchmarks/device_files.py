"""What a guest reads and writes on its disk and in a host folder, in MiB/s.

programs/file_speed does it in both guests, each file for the first time, so that nothing
comes from a cache of theirs; the host's side is dd with O_DIRECT on the same content.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.errors import BootError

from .peers import Peer

__all__ = ["Task", "ask", "dd_mib_s", "content_files"]

_ANSWER = r"{} {}: (\d+) bytes in (\d+) ns, sum ([0-9a-f]{{16}})|{} {}: FAILED errno (\d+)\r?\n"
_PIECE = "64K"


@dataclass(frozen=True, slots=True)
class Task:
    """`word` of programs/file_speed on files called `stem`-0, `stem`-1 …, with `number`."""

    word: str
    stem: str
    number: int = 0


def ask(peer: Peer, task: Task, folder: str, round_number: int, expected_sum: int | None) -> float:
    """Have a guest do one task; return MiB/s by its clock.

    Raises BootError if it fails, or if what was read is not what was written there.
    """
    path = f"{folder}/{task.stem}-{round_number}"
    peer.send(f"{task.word} {path} {task.number}")
    names = [task.word, re.escape(path)]
    found = peer.expect(_ANSWER.format(*names, *names), timeout_s=120)
    if found[4]:
        raise BootError(f"{task.word} {path} failed in the {peer.name} guest: "
                        f"{os.strerror(int(found[4]))}", next_step="look at its console")
    if expected_sum is not None and int(found[3], 16) != expected_sum:
        raise BootError(f"the {peer.name} guest read something else from {path} than is there",
                        next_step="compare the file with what the guest sees")
    return int(found[1]) / (1 << 20) / (int(found[2]) / 1e9)


def content_files(folder: Path, stem: str, count: int, size_bytes: int) -> list[int]:
    """Write random files `stem`-0 …; return of each the sum of the first words of its pages."""
    sums = []
    for number in range(count):
        data = os.urandom(size_bytes)
        (folder / f"{stem}-{number}").write_bytes(data)
        words = (int.from_bytes(data[at:at + 8], "little") for at in range(0, size_bytes, 4096))
        sums.append(sum(words) % (1 << 64))
    return sums


def dd_mib_s(size_bytes: int, source: Path | None = None, target: Path | None = None) -> float:
    """Return what dd says of reading `source`, or writing `target`, past the page cache.

    Raises BootError if the file system cannot do O_DIRECT.
    """
    pieces = size_bytes >> 16
    command = ["dd", f"bs={_PIECE}", f"count={pieces}", f"if={source or '/dev/zero'}",
               f"of={target or '/dev/null'}",
               *(["iflag=direct"] if source else ["oflag=direct", "conv=fsync"])]
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"})
    said = re.search(r"(\d+) bytes .* copied, ([\d.e-]+) s", done.stderr)
    if done.returncode or not said:
        raise BootError(f"dd failed: {done.stderr.strip()}",
                        next_step="set TMPDIR to a folder on a disk: O_DIRECT is not for tmpfs")
    return int(said[1]) / (1 << 20) / float(said[2])
