"""Programs of an archive use processes, signals and memory, and say what they say on Linux."""

import itertools
import json
import os
import subprocess
from pathlib import Path

import pytest
from capabilities import need
from test_packaged import entry

from kernel_magics.boot.hypervisor.commandline import EXIT_DEVICE

pytestmark = pytest.mark.guest
pytest_plugins = ("test_packaged",)

SOURCES = Path(__file__).parent / "process_programs"
# As a shell tells the end by a signal.
SIGNAL_STATUS = 128


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Return a function: name and compiler flags → a program linked without libraries."""
    folder = tmp_path_factory.mktemp("processes")

    def compile_one(name: str, *flags: str) -> Path:
        need("compiler")
        target = folder / "-".join([name, *[flag.strip("-") for flag in flags]])
        if not target.exists():
            subprocess.run(["gcc", "-O2", "-pthread", *flags, "-o", target,
                            SOURCES / f"{name}.c"], check=True)
        return target

    return compile_one


def boot(image: Path, files: dict[str, bytes], rc: list[dict], memory_mib: int = 64,
         links: dict[str, str] | None = None, seconds: int = 120) -> tuple[int, str]:
    """Boot the runtime with these files and links; return exit status and console."""
    need("qemu")
    folders = sorted({str(parent) for name in files for parent in Path(name).parents} - {"."})
    initrd = image.parent / "root.cpio"
    initrd.write_bytes(b"".join(
        [entry(folder, 0o40755) for folder in folders]
        + [entry(name, 0o100755, data) for name, data in files.items()]
        + [entry(name, 0o120777, to.encode()) for name, to in (links or {}).items()]
        + [entry("TRAILER!!!", 0)]))
    done = subprocess.run(
        ["qemu-system-x86_64", "-M", "microvm,rtc=on", "-accel", "tcg", "-cpu", "max",
         "-m", str(memory_mib), "-nodefaults", "-no-user-config", "-no-reboot",
         "-display", "none", "-serial", "stdio", "-device", EXIT_DEVICE, "-kernel", image,
         "-initrd", initrd, "-append", json.dumps({"rc": rc})],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    return done.returncode >> 1, done.stdout


@pytest.mark.parametrize(("name", "linking"), [
    *itertools.product(["processes", "signals", "memory", "timers", "sharing", "folders",
                        "identity"], ["-static", "-static-pie"]),
    *((name, "-static") for name in ("privileges", "locks", "signal_files"))])
def test_a_program_says_what_it_says_on_linux(runtime_image, compiled, name, linking):
    if name in ("identity", "privileges"):
        need("root")  # so is who begins in a guest
    program = compiled(name, linking)
    host = subprocess.run([program, program], capture_output=True, text=True, timeout=60)
    status, text = boot(runtime_image, {"bin/program": program.read_bytes()},
                        [{"bin": "/bin/program", "argv": [str(program), "/bin/program"]}])
    said = [line for line in text.splitlines() if not line.startswith("rumpkit: ")]
    assert said == host.stdout.splitlines()
    expected = host.returncode if host.returncode >= 0 else SIGNAL_STATUS - host.returncode
    assert status == expected & 0x7f  # QEMU's exit status has no room for the highest bit


@pytest.fixture(scope="module")
def busybox() -> bytes:
    """Return Debian's static busybox, whose programs are all one file."""
    need("busybox")
    return Path("/bin/busybox").read_bytes()


SCRIPTS = {
    "pipes": "seq 2000 | grep 7 | sort -r | head -3 | tr 7 x",
    "loops": "i=0; while [ $i -lt 20 ]; do i=$((i + 1)); done; echo $i",
    "subshells": "(exit 3); echo $?; x=$(echo a; echo b); echo $x; { echo c; } | cat",
    "background": "sleep 0 & wait $!; echo $?; (echo late) & wait; echo done",
    "files": "mkdir -p d && cd d && echo text >a && cp a b && cat b && rm a b && ls",
    "here": "cat <<END | wc -l\none\ntwo\nEND",
    "traps": "trap 'echo trapped' USR1; kill -USR1 $$; trap 'echo bye' EXIT; exit 4",
    "exec": "exec sh -c 'echo $0 $1' name argument",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_shell_runs_scripts_as_on_linux(runtime_image, busybox, tmp_path, name):
    applets = ["sh", "seq", "grep", "sort", "head", "tr", "cat", "sleep", "cp", "rm", "ls", "wc",
               "mkdir"]
    for applet in applets:
        os.symlink("/bin/busybox", tmp_path / applet)
    host = subprocess.run(["/bin/busybox", "sh", "-c", SCRIPTS[name]], capture_output=True,
                          text=True, timeout=60, env={"PATH": str(tmp_path)},
                          cwd=tmp_path)
    status, text = boot(
        runtime_image, {"bin/busybox": busybox},
        [{"bin": "/bin/busybox", "argv": ["sh", "-c", SCRIPTS[name]]}],
        links={f"bin/{applet}": "busybox" for applet in applets})
    assert text.splitlines() == host.stdout.splitlines()
    assert status == host.returncode


def test_a_missing_shell_is_said(runtime_image, busybox):
    _, text = boot(runtime_image, {"bin/busybox": busybox}, [
        {"bin": "/bin/busybox", "argv": ["busybox", "awk", 'BEGIN { system("true") }']}])
    assert text.count("rumpkit: there is no /bin/sh here") == 1
    assert "dash" in text


def echo(*words: str, **more: str) -> dict:
    return {"bin": "/bin/busybox", "argv": ["busybox", "echo", *words], **more}


def test_the_configuration_runs_programs_in_turn_at_once_and_in_pipes(runtime_image, busybox):
    status, text = boot(runtime_image, {"bin/busybox": busybox}, [
        echo("first"),
        {"bin": "/bin/busybox", "argv": ["busybox", "sleep", "100"], "runmode": "&"},
        echo("through a pipe", runmode="|"),
        {"bin": "/bin/busybox", "argv": ["busybox", "tr", "a-z", "A-Z"]},
        {"bin": "/bin/busybox", "argv": ["busybox", "pwd"], "workdir": "/bin"},
        {"bin": "/bin/busybox", "argv": ["busybox", "sh", "-c", "exit 9"]},
    ])
    assert text.splitlines() == ["first", "THROUGH A PIPE", "/bin"]
    assert status == 9


def test_programs_in_the_background_alone_are_waited_for(runtime_image, busybox):
    status, text = boot(runtime_image, {"bin/busybox": busybox},
                        [echo("one", runmode="&"), echo("two", runmode="&")])
    assert sorted(text.splitlines()) == ["one", "two"]
    assert status == 0


def test_one_of_several_programs_dies_alone(runtime_image, busybox):
    status, text = boot(runtime_image, {"bin/busybox": busybox}, [
        {"bin": "/bin/busybox", "argv": ["busybox", "sh", "-c", "kill -SEGV $$"]},
        echo("still here"),
    ])
    assert "died of SIGSEGV" in text
    assert text.splitlines()[-1] == "still here"
    assert status == 0


def test_a_fork_bomb_runs_out_of_memory_and_says_so(runtime_image, busybox):
    script = "f() { (f); }; f; echo $?"
    _, text = boot(runtime_image, {"bin/busybox": busybox},
                   [{"bin": "/bin/busybox", "argv": ["sh", "-c", script]}], memory_mib=16)
    assert "Cannot fork" in text or "can't fork" in text or "out of memory" in text
