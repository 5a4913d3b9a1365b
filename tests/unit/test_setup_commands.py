"""The commands start and doctor: their arguments, and what they refuse before doing anything."""

import socket
import subprocess
from pathlib import Path

import pytest
from setup_steps.command_line import FAST, FAST_TESTS, pytest_arguments

PROJECT = Path(__file__).resolve().parents[2]


def run_start(*arguments, **options):
    """Run ./lab-setup/start from a folder that is not the project."""
    return subprocess.run(
        [str(PROJECT / "lab-setup" / "start"), *arguments], cwd="/", capture_output=True,
        text=True, stdin=subprocess.DEVNULL, timeout=60, **options)


def test_help_names_every_option():
    said = run_start("--help")
    assert said.returncode == 0
    for option in ("--no-browser", "--port", "--run", "build/lab-setup"):
        assert option in said.stdout


@pytest.mark.parametrize(("arguments", "message"), [
    (["--port", "http"], "a port is a number from 1 to 65535, not http"),
    (["--port", "65536"], "a port is a number from 1 to 65535, not 65536"),
    (["--run", "absent.ipynb"], "there is no notebook absent.ipynb"),
    (["--frobnicate"], "unrecognized arguments"),
])
def test_a_wrong_argument_is_refused_before_anything_is_done(arguments, message):
    said = run_start(*arguments)
    assert said.returncode == 2
    assert message in said.stderr
    assert "Traceback" not in said.stderr


def test_a_port_in_use_is_refused_before_anything_is_done():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = run_start("--port", str(port))
    assert said.returncode == 2
    assert f"port {port} is in use" in said.stderr


def test_the_doctor_examines_this_machine():
    said = subprocess.run([str(PROJECT / "lab-setup" / "doctor")], cwd="/", capture_output=True,
                          text=True, timeout=60)
    assert said.stderr == ""
    assert all(word in said.stdout for word in ("QEMU", "libvirt", "accelerator", "compiler"))
    assert said.returncode == (1 if "✗" in said.stdout else 0)


def test_what_pytest_is_told():
    assert pytest_arguments("all", ["-x"]) == ["-x"]
    assert pytest_arguments("tests/unit", ["-x"]) == ["tests/unit", "-x"]
    assert pytest_arguments("fast", ["-k", "build"]) == ["-m", FAST, "-k", "build", *FAST_TESTS]
    named = ["tests/guest/test_guests.py::test_one"]
    assert pytest_arguments("fast", named) == ["-m", FAST, *named]
    assert all((PROJECT / name).exists() for name in FAST_TESTS)
