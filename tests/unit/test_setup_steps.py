"""The set-up steps: what they look at, what they say when something fails."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from setup_steps.failures import CommandFailed, SetupError, explain
from setup_steps.progress import Progress
from setup_steps.python_environment import check_room, create, is_healthy
from setup_steps.stamps import Stamp, digest
from setup_steps.system_packages import (
    administrator_command,
    missing_packages,
    read_packages,
    wanted_groups,
)

PROJECT = Path(__file__).resolve().parents[2]
CLOSED_PORT = "http://127.0.0.1:9"
dpkg = pytest.mark.skipif(not shutil.which("dpkg-query"), reason="not a Debian system")


@pytest.fixture
def step(tmp_path):
    """A step whose log is in a temporary folder."""
    with Progress(tmp_path / "logs").step("a step") as step:
        yield step


def test_a_command_s_output_is_in_the_log(step):
    step.run(["sh", "-c", "echo to stdout; echo to stderr >&2"])
    assert step.log.read_text().splitlines()[1:] == ["to stdout", "to stderr"]


def test_a_failed_command_carries_its_status_and_the_end_of_its_log(step):
    with pytest.raises(CommandFailed) as caught:
        step.run(["sh", "-c", "seq 100; exit 3"])
    assert caught.value.status == 3
    assert caught.value.tail.splitlines()[-1] == "100"
    assert len(caught.value.tail.splitlines()) == 12
    assert str(step.log) in caught.value.fix


def test_an_absent_program_is_named(step):
    with pytest.raises(SetupError, match="no-such-program is not installed"):
        step.run(["no-such-program"])


def test_a_full_disk_is_recognised(step):
    with pytest.raises(CommandFailed, match="the disk is full") as caught:
        step.run(["cp", "/etc/passwd", "/dev/full"])
    assert "free some space" in caught.value.fix


@pytest.mark.parametrize("argv", [
    [sys.executable, "-m", "pip", "install", "--retries=1", "--no-cache-dir", "--isolated",
     f"--index-url={CLOSED_PORT}", "six==1.0.1"],
    ["npm", "view", "no-such-name", f"--registry={CLOSED_PORT}", "--fetch-retries=0"],
    ["python3", "-c", "import socket; socket.getaddrinfo('no-such-host.invalid', 80)"],
], ids=["pip", "npm", "resolver"])
def test_an_unreachable_registry_is_recognised(step, argv):
    if not shutil.which(argv[0]):
        pytest.skip(f"{argv[0]} is not installed")
    with pytest.raises(CommandFailed, match="could not be reached") as caught:
        step.run(argv)
    assert "proxy" in caught.value.fix


def test_a_full_disk_comes_before_what_follows_from_it():
    cause = explain("ENOTFOUND\nnpm ERR! nospc ENOSPC: no space left on device, write\n")
    assert cause.what == "the disk is full"


def test_unknown_words_have_no_known_cause():
    assert explain("make: *** No rule to make target 'all'.  Stop.") is None


def test_the_result_line_names_the_step_and_a_failure_too(tmp_path, capsys):
    progress = Progress(tmp_path)
    with progress.step("first") as step:
        step.result = "up to date"
    with pytest.raises(SetupError), progress.step("second"):
        raise SetupError("no", fix="yes")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["first", "up", "to", "date"]
    assert lines[1].split()[:2] == ["second", "failed"]


def test_a_log_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot be made"), \
            Progress(tmp_path / "file" / "logs").step("a step"):
        pass


def test_of_two_set_ups_at_once_one_waits_and_says_so(tmp_path):
    code = f"""
import sys; sys.path.insert(0, {str(PROJECT / "lab-setup")!r})
from pathlib import Path
from setup_steps.progress import alone
with alone(Path({str(tmp_path)!r})):
    print("has it", flush=True)
    sys.stdin.read()
"""
    def begin():
        return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
    with begin() as first:
        assert first.stdout.readline() == "has it\n"
        with begin() as second:
            assert "another set-up of this project is running" in second.stdout.readline()
            first.stdin.close()
            assert second.stdout.readline() == "has it\n"
            second.stdin.close()


def test_ending_the_set_up_ends_its_command(tmp_path):
    code = f"""
import sys; sys.path.insert(0, {str(PROJECT / "lab-setup")!r})
from pathlib import Path
from setup_steps.progress import Progress, end_on_sigterm
end_on_sigterm()
with Progress(Path({str(tmp_path)!r})).step("sleep") as step:
    step.run(["sh", "-c", "echo $$; exec sleep 60"])
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    log = tmp_path / "sleep.log"
    deadline = time.monotonic() + 60
    while not (log.exists() and len(log.read_text().splitlines()) == 2):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    child = int(log.read_text().splitlines()[1])
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_stamp_holds_until_an_input_changes(tmp_path):
    source = tmp_path / "source"
    source.write_text("a")
    stamp = Stamp(tmp_path / "made" / "stamp")
    assert not stamp.matches(digest([source]))
    stamp.write(digest([source]))
    assert stamp.matches(digest([source]))
    assert not stamp.matches(digest([source], "another fact"))
    source.write_text("b")
    assert not stamp.matches(digest([source]))
    stamp.write(digest([source]))
    stamp.remove()
    assert not stamp.matches(digest([source]))


def test_the_package_list_has_a_group_and_a_reason_for_each():
    packages = read_packages()
    assert {package.group for package in packages} == {"run", "root", "node", "test"}
    assert all(package.why for package in packages)
    assert len({package.name for package in packages}) == len(packages)


@dpkg
def test_only_what_is_absent_is_missing():
    assert missing_packages(["no-such-package", "dpkg", "base-files"]) == ["no-such-package"]


def test_tests_need_more_than_a_run():
    assert wanted_groups(testing=True) - wanted_groups(testing=False) == {"test"}


def test_the_administrator_gets_one_command():
    command = administrator_command(["make", "gcc"])
    assert command.removeprefix("sudo ") == (
        "sh -c 'apt-get update && apt-get install --yes --no-install-recommends make gcc'")


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: cannot become another user")
def test_a_user_without_rights_installs_nothing():
    code = ("import sys; sys.path.insert(0, '.'); "
            "from setup_steps.system_packages import administrator_prefix as prefix; "
            "print(prefix())")
    with tempfile.TemporaryDirectory() as folder:
        # The project may be where another user cannot read.
        shutil.copytree(PROJECT / "lab-setup" / "setup_steps", Path(folder) / "setup_steps")
        Path(folder).chmod(0o755)
        said = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3",
             "-I", "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            cwd=folder)
    assert said.stdout == "None\n", said.stderr


@pytest.mark.slow
def test_an_environment_is_made_and_a_broken_one_is_made_again(tmp_path, step):
    assert not is_healthy(tmp_path)
    create(step, tmp_path)
    assert is_healthy(tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/no/such/python3")
    assert not is_healthy(tmp_path)
    create(step, tmp_path)
    assert is_healthy(tmp_path)


def test_a_file_in_the_environment_s_place_is_not_overwritten(tmp_path, step):
    (tmp_path / ".venv").write_text("mine")
    with pytest.raises(SetupError, match="is not a folder"):
        create(step, tmp_path)
    assert (tmp_path / ".venv").read_text() == "mine"


def test_too_small_a_disk_is_said_before_anything_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr("setup_steps.python_environment.NEEDED_FREE_BYTES", 1 << 60)
    with pytest.raises(SetupError, match="GB are free"):
        check_room(tmp_path)
