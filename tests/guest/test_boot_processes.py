"""Several processes: two notebooks, a killed one, an ordinary user, other libvirt daemons."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.boot.hypervisor import remote
from kernel_magics.boot.process import ProcessId
from kernel_magics.errors import GuestError
from kernel_magics.lab import Lab

pytestmark = pytest.mark.guest
PROJECT = Path(__file__).resolve().parents[2]


class Notebook:
    """Another Python process that does what it is told, a line of code at a time."""

    def __init__(self, probe, driver="qemu", prefix=(), env=None, uri=None):
        # A signal that comes just before a read() that blocks would not end it: Python looks for
        # signals between its instructions.  Hence the look at stdin that ends by itself.
        start = (f"import select, sys; sys.path.insert(0, {str(PROJECT)!r})\n"
                 "from kernel_magics.lab import Lab\n"
                 "from kernel_magics.build.image import GuestImage\n"
                 "from kernel_magics.errors import LabError\n"
                 f"lab = Lab({uri!r}, {driver!r})\n"
                 f"probe = GuestImage.from_file({str(probe.path)!r}, 'probe')\n"
                 "while True:\n"
                 "    if not select.select([sys.stdin], [], [], 0.1)[0]: continue\n"
                 "    line = sys.stdin.readline()\n"
                 "    if not line: break\n"
                 "    try: print(repr(eval(line)), flush=True)\n"
                 "    except LabError as error:\n"
                 "        said = ' '.join(error.message.split())\n"
                 "        print(type(error).__name__, said, flush=True)\n")
        self.process = subprocess.Popen([*prefix, sys.executable, "-c", start],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})}, cwd="/")

    def tell(self, line: str) -> str:
        """Evaluate an expression there and return what it prints."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        """Let it end as a notebook does that is shut down."""
        self.process.communicate(timeout=60)


def boot(command: str, more: str = "") -> str:
    return f"lab.boot(probe, memory_mib=16, argv=['probe', '{command}']{more})"


def test_two_notebooks_see_each_others_guests(driver, lab, probe):
    other = Notebook(probe, driver)
    assert other.tell(boot("@e", ", name='theirs'")) == "guest theirs: running"
    mine = lab.boot(probe, memory_mib=16, argv=["probe", "@h"], name="mine")
    assert "mine" in other.tell("[g.name for g in lab.guests()]")
    found = lab.guest("theirs")
    assert (found.owner, found.state) == ("another notebook", "running")
    assert "GuestError the name theirs is taken" in _taken(lab, probe)
    found.console.send("hello")
    assert found.console.expect("hello", timeout=60)
    assert "hello" in other.tell("lab.guest('theirs').console.text")
    assert found.header.console_written == 5
    lab.stop("theirs")
    assert other.tell("lab.guest('theirs').state") == "'stopped'"
    assert other.tell("lab.stop('mine')") == "None"
    assert mine.state == "stopped"
    other.close()


def _taken(lab, probe) -> str:
    with pytest.raises(GuestError) as caught:
        lab.boot(probe, memory_mib=16, name="theirs")
    return f"GuestError {caught.value.message}"


def test_two_notebooks_boot_at_the_same_time(driver, probe):
    notebooks = [Notebook(probe, driver) for _ in range(3)]
    for notebook in notebooks:
        notebook.process.stdin.write(boot("@o") + ".wait(60)\n")
        notebook.process.stdin.flush()
    assert [notebook.process.stdout.readline().strip() for notebook in notebooks] == ["0"] * 3
    for notebook in notebooks:
        notebook.close()


def test_guests_of_a_killed_notebook_are_listed_and_stopped(driver, probe):
    notebook = Notebook(probe, driver)
    assert notebook.tell(boot("@e", ", name='orphan'")) == "guest orphan: running"
    notebook.tell("lab.guest('orphan').console.send('before')")
    notebook.process.kill()
    notebook.process.wait()
    with Lab(driver=driver) as lab:
        found = lab.guest("orphan")
        assert (found.owner, found.state) == ("survived", "running")
        assert "survived" in repr(lab.guests())
        assert "orphan" in lab.doctor().finding("guests").detail
        found.console.expect("before", timeout=60)
        found.console.send(" after")
        found.console.expect(" after", timeout=60)
        assert found.console.text == "before after"
        process = ProcessId.of(found.pid)
        lab.stop("orphan")
        assert not process.is_alive() and found.state == "stopped"
    with Lab(driver=driver) as lab:
        assert lab.guests() == []


def test_a_guest_of_a_killed_notebook_can_be_waited_for(driver, probe):
    notebook = Notebook(probe, driver)
    notebook.tell(boot("@e", ", name='orphan'"))
    notebook.process.kill()
    notebook.process.wait()
    with Lab(driver=driver) as lab:
        found = lab.guest("orphan")
        found.console.send("q")
        assert found.wait(timeout=60) == 7


def test_a_notebook_that_ends_stops_its_guests(driver, probe):
    notebook = Notebook(probe, driver)
    pid = int(notebook.tell(boot("@h") + ".pid"))
    process = ProcessId.of(pid)
    assert process.is_alive()
    notebook.close()
    assert not process.is_alive()


def test_ctrl_c_for_the_notebooks_process_group_leaves_its_guest(probe):
    notebook = Notebook(probe, prefix=("setsid",))
    pid = int(notebook.tell(boot("@h") + ".pid"))
    os.killpg(os.getpgid(notebook.process.pid), signal.SIGINT)
    notebook.process.wait(60)
    process = ProcessId.of(pid)
    # The interrupted process ends in order, and that stops its guests; QEMU got no signal.
    assert process.wait(60)


@pytest.fixture
def ordinary_user():
    """(setpriv's options, environment) to run as nobody, with folders of its own."""
    need("root")
    folder = Path(tempfile.mkdtemp(prefix="rl-nobody-", dir="/dev/shm"))
    for name in ("cache", "home"):
        (folder / name).mkdir()
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, 65534, 65534)
    if not _reaches_python():
        pytest.skip("the project's Python cannot be read by an ordinary user")
    env = {"HOME": str(folder / "home"), "RUMPLAB_RUNTIME": str(folder / "r"),
           "RUMPLAB_CACHE": str(folder / "cache"), "XDG_RUNTIME_DIR": str(folder / "home")}
    yield ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"), env
    shutil.rmtree(folder)


def _reaches_python() -> bool:
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           sys.executable, "-c", f"open({str(PROJECT / 'README.md')!r})"],
                          cwd="/", capture_output=True)
    return done.returncode == 0


def test_an_ordinary_user_boots_guests(driver, probe, ordinary_user, tmp_path):
    prefix, env = ordinary_user
    image = Path(env["HOME"]) / "probe.elf"
    shutil.copy(probe.path, image)

    class Readable:
        path = image

    notebook = Notebook(Readable, driver, prefix, env)
    assert notebook.tell(boot("@o") + ".wait(60)") == "0"
    assert notebook.tell("lab.guest('probe').console.text") == repr("hello\n")
    if Path("/dev/kvm").exists() and os.stat("/dev/kvm").st_mode & 0o006 != 0o006:
        said = notebook.tell(boot("@o", ", accel='kvm'"))
        assert said == "HostError KVM cannot be used: no permission to open /dev/kvm"
        assert "no permission" in notebook.tell("lab.doctor().finding('KVM').detail")
    notebook.close()


@pytest.fixture
def session_daemon(ordinary_user):
    """A libvirtd of an ordinary user, ended after the test: (setpriv's options, env, socket)."""
    need("libvirt", "libvirtd")
    prefix, env = ordinary_user
    daemon = subprocess.Popen([*prefix, "libvirtd"], env={**os.environ, **env}, cwd="/",
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    listening = Path(env["XDG_RUNTIME_DIR"]) / "libvirt" / "libvirt-sock"
    deadline = time.monotonic() + 60
    while not listening.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    yield prefix, env, listening
    daemon.terminate()
    try:
        daemon.wait(60)
    except subprocess.TimeoutExpired:  # its event loop can be caught in a deadlock of its own
        daemon.kill()
        daemon.wait()


def test_guests_of_a_session_daemon_have_everything(probe, session_daemon):
    prefix, env, _ = session_daemon
    image = Path(env["HOME"]) / "probe.elf"
    shutil.copy(probe.path, image)

    class Readable:
        path = image

    notebook = Notebook(Readable, "libvirt", prefix, env, uri="qemu:///session")
    assert notebook.tell(boot("@x 42") + ".wait(60)") == "42"
    assert notebook.tell(boot("@e", ", name='echo', paused=True")) == "guest echo: paused"
    assert notebook.tell("lab.guest('echo').resume()") == "None"
    assert notebook.tell("lab.guest('echo').console.send('hi')") == "None"
    assert "hi" in notebook.tell("lab.guest('echo').console.expect('hi')")
    assert notebook.tell("lab.guest('echo').header.console_written") == "2"
    assert "session" in notebook.tell("lab.doctor().finding('libvirt').detail")
    notebook.close()


def test_a_libvirt_that_shares_nothing_says_what_is_lost(probe, session_daemon, monkeypatch):
    _, env, listening = session_daemon
    monkeypatch.setattr(remote, "POOL_FOLDER", env["HOME"] + "/pool")
    with Lab(f"qemu+unix:///session?socket={listening}") as lab:
        guest = lab.boot(probe, memory_mib=16, argv=["probe", "@e"])
        guest.console.send("input through a stream")
        guest.console.expect("through a stream", timeout=60)
        assert guest.header.console_written == len("input through a stream")
        assert guest.ram.read(guest.image.header_address, 8) == b"RUMPLAB\1"
        assert not guest.ram.write_u64(guest.image.header_address, 0)
        assert guest.pid is None and guest.state == "running"
        guest.pause()
        assert guest.state == "paused"
        guest.resume()
        guest.console.send("q")
        with pytest.raises(GuestError, match="its exit status is lost") as caught:
            guest.wait(timeout=60)
        assert "local libvirt" in caught.value.next_step
        assert guest.console.text == "input through a stream"
        assert lab.doctor().finding("libvirt").level == "note"
        running = lab.boot(probe, memory_mib=16, argv=["probe", "@h"])
        lab.stop(running.name)
        assert running.state == "stopped"


def test_a_libvirt_that_goes_away_ends_the_wait(probe, session_daemon, monkeypatch):
    _, env, listening = session_daemon
    monkeypatch.setattr(remote, "POOL_FOLDER", env["HOME"] + "/pool")
    try:
        with Lab(f"qemu+unix:///session?socket={listening}") as lab:
            guest = lab.boot(probe, memory_mib=16, argv=["probe", "@h"])
            os.kill(int((listening.parent / "libvirtd.pid").read_text()), signal.SIGKILL)
            with pytest.raises(GuestError, match="does not answer any more") as caught:
                guest.wait(timeout=60)
            assert "virsh -c" in caught.value.next_step
    finally:  # the daemon's QEMU goes on
        for record in Path(env["XDG_RUNTIME_DIR"]).rglob("probe*.pid"):
            os.kill(int(record.read_text()), signal.SIGKILL)
