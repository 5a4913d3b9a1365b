"""A whole session by magics, in a real IPython shell, with real guests."""

import signal
import threading
import time

import pytest
from capabilities import need
from IPython.core.interactiveshell import InteractiveShell
from shells import NO_HISTORY

from kernel_magics.errors import GuestError, GuestPanic, GuestTimeout, UsageError
from kernel_magics.magics.failure import WaitInterrupted
from kernel_magics.magics.session import notebook_lab
from kernel_magics.magics.trace import NARROWED, WHOLE

pytestmark = pytest.mark.guest

HELLO = '#include <stdio.h>\nint main(void) { puts("hello from ring 0"); }'
ECHO = """#include <stdio.h>
int main(void) {
    char line[100];
    puts("ready");
    while (fgets(line, sizeof line, stdin)) printf("heard %s", line);
    return 7;
}"""
LOOP = '#include <stdio.h>\nint main(void) { puts("looping"); for (;;); }'


_NEED_MORE = {"waits", "locks", "wakeups"}  # what hello does not do


class Session:
    """A shell with the extension; `run` returns a cell's result and what it printed."""

    def __init__(self, shell: InteractiveShell, capsys) -> None:
        self.shell, self.capsys = shell, capsys

    def run(self, cell: str):
        """Run a cell that must succeed; return its value and its output."""
        result, said = self.fail(cell)
        assert result.success, said
        return result.result, said

    def fail(self, cell: str):
        """Run a cell; return IPython's record of it and its output."""
        self.capsys.readouterr()
        result = self.shell.run_cell(cell)
        return result, self.capsys.readouterr().out


@pytest.fixture
def session(tmp_path, monkeypatch, capsys):
    """A session whose guests are all stopped at its end."""
    need("qemu", "libvirt", "compiler")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell(config=NO_HISTORY)
    shell.colors = "nocolor"
    shell.run_line_magic("load_ext", "kernel_magics")
    yield Session(shell, capsys)
    shell.run_line_magic("unload_ext", "kernel_magics")


def test_from_a_cell_to_a_traced_guest(session):
    image, _ = session.run(f"%%rumpbuild hello\n{HELLO}")
    assert image.name == "hello" and image.symbols.find("main").layer == "app"
    guest, said = session.run("%rumpboot hello --trace all")
    assert said.startswith("hello from ring 0\n")
    assert guest.exit_status == 0

    trace, said = session.run("%rumptrace hello --filter hypercall")
    assert said.startswith("Out") and "rumpcomp_console_write" in said
    assert set(trace.df["group"].astype(str)) == {"hypercall"}
    assert trace.calls.loc["rumpuser_init", "count"] == 1

    for what in (*NARROWED, *WHOLE):
        result, said = session.fail(f"%rumptrace hello --show {what}")
        told = "→ record them: trace.start" in said if what in _NEED_MORE else result.success
        assert told and "Traceback" not in said, (what, said)
    shown, _ = session.run("%rumptrace hello --show percentiles --filter layer:sys")
    assert "writev" in shown.index and "rumpuser_init" not in shown.index
    for words, told in (("--show calls --filter wirte", "did you mean write"),
                        ("--show cpu --filter write", "--filter does not narrow --show cpu")):
        result, said = session.fail(f"%rumptrace hello {words}")
        assert not result.success and told in said and "Traceback" not in said

    layers, _ = session.run("%rumplayers hello")
    made = layers.sample["calls"]["hypercalls"]
    assert made["rumpuser_init"] == 1
    assert sum(made.values()) == guest.counters[64:512].sum()

    symbols, said = session.run("%rumpsym hello main")
    assert "main" in list(symbols.df["name"]) and "hello.c:3" in said


def test_the_same_image_also_boots_through_the_direct_driver(session):
    session.run(f"%%rumpbuild hello\n{HELLO}")
    guest, said = session.run("%rumpboot hello --driver qemu --memory 8")
    assert guest.driver == "qemu" and said.startswith("hello from ring 0")


def test_arguments_environment_and_status_by_options_and_by_a_body(session):
    session.run("%%rumpbuild args\n#include <stdio.h>\n#include <stdlib.h>\n"
                "int main(int n, char **v) { for (int i = 0; i < n; i++) puts(v[i]);"
                ' puts(getenv("A")); return n; }')
    guest, said = session.run('%rumpboot args --env A=1 -- one "two words"')
    assert said.startswith("args\none\ntwo words\n1\n")
    assert guest.exit_status == 3
    guest, said = session.run("%%rumpboot args\nargv: [other, 5]\nenv: {A: b c}\nmemory: 16")
    assert said.startswith("other\n5\nb c\n")
    assert guest.exit_status == 2 and guest.spec["memory_mib"] == 16


def test_rumprun_fails_the_cell_when_the_program_does(session):
    _, said = session.run(f"%%rumprun\n{HELLO}")
    assert said == "hello from ring 0\n"
    result, said = session.fail("%%rumprun bad\nint main(void) { return 3; }")
    assert isinstance(result.error_in_exec, GuestError)
    assert said == "GuestError: bad exited with status 3\n"


def test_a_compile_error_is_shown_under_the_cells_line(session):
    result, said = session.fail("%%rumpbuild bad\n\nint main(void) {\n    return x;\n}")
    assert not result.success and "Traceback" not in said
    assert "    4 |     return x;\n      |            ^" in said


def test_a_panic_is_a_report_with_the_cells_line(session):
    result, said = session.fail("%%rumprun crash\nint main(void) {\n    *(int *)0 = 1;\n}")
    assert isinstance(result.error_in_exec, GuestPanic)
    assert "→    3 |     *(int *)0 = 1;" in said and "Traceback" not in said


def test_input_by_option_by_magic_and_waiting_for_a_text(session):
    session.run(f"%%rumpbuild echo\n{ECHO}")
    guest, said = session.run("%rumpboot echo --wait ready")
    assert guest.state == "running" and said.startswith("ready\n")
    session.run('%rumpconsole echo --send "one two"')
    guest.console.expect("heard one two", timeout=60)
    view, said = session.run("%rumpconsole echo")
    assert view.running and "heard one two" in said
    session.run("%rumpstop echo")
    assert guest.state == "stopped"
    assert session.run("%rumpstop echo")[1] == "echo had ended before: stopped\n"
    guest, said = session.run(r'%rumpboot echo --input "three\n" --wait "heard \w+"')
    assert "heard three" in said
    _, said = session.run("%rumpstop --all")
    assert said == f"{guest.name} stopped\n"


def test_a_guest_that_never_ends_is_still_there_after_the_timeout(session):
    session.run(f"%%rumpbuild loop\n{LOOP}")
    result, said = session.fail("%rumpboot loop --timeout 1s")
    assert isinstance(result.error_in_exec, GuestTimeout)
    assert "loop is still running after 1 s" in said and "%rumpstop loop ends it" in said
    guests, said = session.run("%rumpps")
    assert [(g.name, g.state) for g in guests] == [("loop", "running")]
    for line, told, state in (
            ("%rumpresume loop", "loop was running already", "running"),
            ("%rumppause loop", "loop is paused; %rumpresume loop lets it go on", "paused"),
            ("%rumppause loop", "loop was paused already", "paused"),
            ("%rumpresume loop", "loop goes on", "running")):
        assert session.run(line)[1] == f"{told}\n" and guests[0].state == state
    session.run("%rumpstop loop")
    for line, told in (("%rumppause loop", "paused"), ("%rumpresume loop", "resumed")):
        assert f"loop has ended and cannot be {told}" in session.fail(line)[1]


def test_an_interrupt_ends_the_wait_and_not_the_guest(session):
    session.run(f"%%rumpbuild loop\n{LOOP}")

    def interrupt_when_it_loops() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any("looping" in g.console.text for g in notebook_lab().guests()):
                break
            time.sleep(0.05)
        # As a notebook's kernel gets it: the waiting thread itself is woken.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt_when_it_loops)
    thread.start()
    result, said = session.fail("%rumpboot loop")
    thread.join()
    assert isinstance(result.error_in_exec, WaitInterrupted)
    assert "looping" in said and "guest loop goes on running" in said
    guest = notebook_lab().guest("loop")
    assert guest.state == "running"
    guest.stop()


@pytest.mark.parametrize(("line", "message"), [
    ("%rumpboot neverbuilt", "there is no image called 'neverbuilt'"),
    ("%rumpboot ./nothing.elf", "nothing.elf"),
    ("%rumpboot hello --memory 99999999", "this machine has"),
    ("%rumpboot hello --wait (", "is not a regular expression"),
    ("%%rumpboot hello\nmemroy: 8", "did you mean memory?"),
    ("%%rumpboot hello\nmemory: lots", "%%rumpboot, line 2: memory: 'lots' is not"),
    ("%%rumpboot hello\nenv: [1]", "line 2: env is a mapping"),
    ("%rumpsym hello mian", "did you mean main"),
    ("%rumpsym helo main", "did you mean hello?"),
    ("%rumpsym hello main --layer vsf", "vsf"),
    ("%rumpconsole nobody", "there is no guest called 'nobody'"),
    ("%rumptrace nobody", "there is no guest called 'nobody'"),
    ("%rumpstop", "needs the name of a guest, or --all"),
    ("%%rumpbuild a/b\nint main(void) {}", "not a name for an image"),
])
def test_every_mistake_is_one_clear_error(session, line, message):
    session.run(f"%%rumpbuild hello\n{HELLO}")
    result, said = session.fail(line)
    assert not result.success
    assert message in said and "Traceback" not in said
    assert len(said.strip().splitlines()) <= 3
    assert not [g for g in notebook_lab().guests() if g.state == "running"]


def test_tab_knows_images_guests_and_symbols(session):
    session.run(f"%%rumpbuild hello\n{HELLO}")
    session.run("%rumpboot hello")
    completer = next(m for m in session.shell.Completer.custom_matchers
                     if m.__name__ == "rumplab_matcher")
    from IPython.core.completer import CompletionContext

    def offered(line: str) -> list[str]:
        context = CompletionContext(token="", full_text=line, cursor_position=len(line),
                                    cursor_line=0, limit=None)
        return [c.text for c in completer(context)["completions"]]

    assert offered("%rumpboot he") == ["hello"]
    assert offered("%rumptrace he") == ["hello"]
    assert offered("%rumpsym hello rumpuser_in") == ["rumpuser_init"]


def test_recording_can_begin_and_end_while_the_guest_runs(session):
    session.run("%%rumpbuild busy\n#include <time.h>\nint main(void) {\n"
                "    for (;;) nanosleep(&(struct timespec){0, 1000000}, 0);\n}")
    guest, _ = session.run("%rumpboot busy --background")
    assert guest.trace.enabled == []
    trace, _ = session.run("%rumptrace busy --start syscalls --for 2s")
    assert trace.calls.loc["nanosleep", "count"] > 0
    assert guest.trace.enabled == []
    assert set(trace.df["group"].astype(str)) == {"syscall"}
    session.run("%rumpstop busy")


def test_a_misspelt_event_is_told_before_anything_is_recorded(session):
    session.run(f"%%rumpbuild loop\n{LOOP}")
    session.run("%rumpboot loop --background")
    result, said = session.fail("%rumptrace loop --start rumpuser_malocc")
    assert isinstance(result.error_in_exec, UsageError)
    assert "rumpuser_malloc" in said
    session.run("%rumpstop loop")
