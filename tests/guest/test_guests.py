"""The programs of images/guests: on both drivers as on this machine, and as written down.

Each program is also built by Debian's musl-gcc and run here on a pseudo-terminal; a guest
must print the same bytes and end with the same status.  guest.toml says what these are, so
that a change of both at once is seen as well.
"""

import os
import pty
import subprocess
import termios
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from capabilities import need

from kernel_magics import Lab

FOLDER = Path(__file__).parent.parent.parent / "images" / "guests"
GUESTS = sorted(path.parent.name for path in FOLDER.glob("*/guest.toml"))
PROMPT = "> "
TIMEOUT_S = 60

pytestmark = pytest.mark.guest


def facts(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name / "guest.toml").read_text())


def source(name: str) -> str:
    return (FOLDER / name / f"{name}.c").read_text()


class Terminal:
    """A program of this machine on a pseudo-terminal that leaves its output as it is."""

    def __init__(self, argv: list[str], program: Path, env: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        settings = termios.tcgetattr(slave)
        settings[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        self.process = subprocess.Popen(argv, executable=program, stdin=slave, stdout=slave,
                                        stderr=slave, env=env, cwd="/")
        os.close(slave)
        self.text = ""

    def read(self) -> bool:
        try:
            self.text += os.read(self.master, 65536).decode()
        except OSError:  # EIO: the program has closed its end
            return False
        return True

    def answer(self, line: str) -> None:
        while not self.text.endswith(PROMPT) and self.read():
            pass
        os.write(self.master, f"{line}\n".encode())
        while f"{PROMPT}{line}\n" not in self.text and self.read():
            pass

    def finish(self) -> tuple[str, int]:
        while self.read():
            pass
        os.close(self.master)
        return self.text, self.process.wait(TIMEOUT_S)


@pytest.fixture(scope="session")
def host_programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same sources, built for this machine."""
    need("compiler")
    folder = tmp_path_factory.mktemp("host")
    programs = {name: folder / name for name in GUESTS}
    for name, program in programs.items():
        subprocess.run(["musl-gcc", "-O2", "-static", "-w", "-o", str(program),
                        str(FOLDER / name / f"{name}.c"), "-lm"], check=True)
    return programs


def on_this_machine(program: Path, said: dict[str, Any]) -> tuple[str, int]:
    terminal = Terminal(said["argv"], program, said.get("env", {}))
    for line in said.get("input", ()):
        terminal.answer(line)
    return terminal.finish()


@contextmanager
def running(lab: Lab, name: str, said: dict[str, Any], memory_mib: int) -> Iterator[Any]:
    image = lab.build(source(name), name=name)
    guest = lab.boot(image, memory_mib=memory_mib, argv=said["argv"], env=said.get("env", {}))
    try:
        yield guest
    finally:
        guest.stop()


def in_a_guest(lab: Lab, name: str, memory_mib: int = 32) -> tuple[str, int]:
    said = facts(name)
    with running(lab, name, said, memory_mib) as guest:
        for line in said.get("input", ()):
            guest.console.expect(PROMPT, TIMEOUT_S)
            guest.console.send(f"{line}\n")
        status = guest.wait(timeout=TIMEOUT_S)
        return guest.console.text, status


@pytest.mark.parametrize("name", GUESTS)
def test_guest_does_as_this_machine(lab: Lab, driver: str, name: str,
                                    host_programs: dict[str, Path]) -> None:
    said = facts(name)
    expected = on_this_machine(host_programs[name], said)
    assert expected == (said["output"], said["exit_status"])
    assert in_a_guest(lab, name) == expected


@pytest.mark.parametrize("name", ("files", "environment", "time", "waiting"))
def test_guest_runs_in_little_memory(lab: Lab, name: str) -> None:
    said = facts(name)
    assert in_a_guest(lab, name, memory_mib=8) == (said["output"], said["exit_status"])


def test_every_guest_says_what_it_is() -> None:
    for name in GUESTS:
        said = facts(name)
        assert said["description"].endswith(".")
        assert said["argv"][0] == name
