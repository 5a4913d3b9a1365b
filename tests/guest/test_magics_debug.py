"""%rumpdebug in a real IPython shell, on a real guest."""

import threading

import pytest
from capabilities import need
from IPython.core.interactiveshell import InteractiveShell
from main_thread import interrupt_in
from shells import NO_HISTORY

from kernel_magics.errors import GuestError, UsageError
from kernel_magics.magics.session import notebook_lab

pytestmark = pytest.mark.guest

PROGRAM = """#include <stdio.h>
int counter;
__attribute__((noinline)) int square(int n)
{
    counter += n * n;
    return n * n;
}
int main(void)
{
    int total = 0;
    for (int i = 1; i <= 4; i++)
        total += square(i);
    printf("%d\\n", total);
    return total;
}"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a cell in a shell with the extension; return its value, or what it raised."""
    need("qemu", "libvirt", "compiler")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell(config=NO_HISTORY)
    shell.colors = "nocolor"
    shell.run_line_magic("load_ext", "kernel_magics")

    def run_cell(cell):
        result = shell.run_cell(cell)
        return result.error_in_exec or result.result

    run_cell(f"%%rumpbuild squares --cflags=-O0\n{PROGRAM}")
    yield run_cell
    shell.run_line_magic("unload_ext", "kernel_magics")


def test_a_session_as_with_gdb(run, capsys):
    assert run("%rumpboot squares --paused").state == "paused"
    assert "not being debugged" in repr(run("%rumpdebug squares"))
    assert repr(run("%rumpdebug squares break square if n == 3")).endswith("if n == 3")
    stop = run("%rumpdebug --timeout 60s squares continue")
    assert stop.reason == "breakpoint"
    assert run("%rumpdebug squares p n * 2") == 6
    assert [one.function for one in run("%rumpdebug squares bt")][:2] == ["square", "main"]
    assert "i = (int)3" in run("%rumpdebug squares bt full")
    run("%rumpdebug squares up")
    assert set(run("%rumpdebug squares info locals")) == {"total", "i"}
    assert "0x0000000000000005" in run("%rumpdebug squares x/1xg &counter")
    assert "<main+" in run("%rumpdebug squares x/4i $rip")  # the frame that was chosen
    assert run("%rumpdebug squares set var counter = 100") == 100
    assert run("%rumpdebug squares info registers")["rip"] == stop.place.address
    assert "gdb -ex" in run("%rumpdebug squares gdb")
    capsys.readouterr()
    frames = run("%%rumpdebug squares\ndelete\n# at the end\ntbreak 13\ncontinue\nlocals")
    assert set(frames) == {"total", "i"} and "tbreak 13" in capsys.readouterr().out
    assert run("%rumpdebug squares c").status == 30
    assert isinstance(run("%rumpdebug squares c"), GuestError)


@pytest.mark.parametrize(("command", "told"), [
    ("contineu", "did you mean continue"), ("b nosuch", "no symbol 'nosuch'"),
    ("b squares.c:99", "no code at line 99"), ("p n +", "a value is expected"),
    ("next much", "not a number of times"), ("info nothing", "it tells about"),
    ("x/3z 4", "no such format"), ("delete x", "not a number"), ("c now", "nothing may follow"),
    ("set counter", "not of the form"), ("reverse-next", "is no replay"), ("7", "no debugger")])
def test_what_is_mistyped_is_one_clear_error(run, command, told):
    run("%rumpboot squares --paused")
    failed = run(f"%rumpdebug squares {command}")
    assert isinstance(failed, UsageError) and told in str(failed)
    assert failed.message.startswith("%rumpdebug: ")


def test_names_and_options(run):
    assert isinstance(run("%rumpdebug"), UsageError)
    assert isinstance(run("%rumpdebug nobody bt"), GuestError)
    assert isinstance(run("%rumpdebug --timeout soon squares c"), UsageError)
    assert "no recording" in str(run("%rumpdebug --replay /nowhere again"))


def test_interrupting_a_wait_stops_the_guest_as_gdb_does(run):
    run('%%rumpbuild loop\n#include <stdio.h>\nint main(void) { puts("looping"); for (;;); }')
    guest = run("%rumpboot loop --paused")

    def interrupt_when_it_loops() -> None:
        guest.console.expect("looping", timeout=60)
        interrupt_in("cont")

    interrupter = threading.Thread(target=interrupt_when_it_loops)
    interrupter.start()
    stop = run("%rumpdebug loop continue")
    interrupter.join()
    assert stop.reason == "interrupted" and stop.place.function == "main"
    assert notebook_lab().guest("loop").state == "paused"


def test_a_recorded_run_goes_back(run, tmp_path):
    need("qemu-img")
    assert run(f"%rumpboot squares --record {tmp_path}/run").exit_status == 30
    assert run(f"%rumpdebug --replay {tmp_path}/run again").instruction == 0
    assert run("%rumpdebug again c").reason == "end"
    stop = run("%rumpdebug again last-write counter")
    assert stop.place.function == "square" and "counter is (int)14" in stop.note
    assert run("%rumpdebug again reverse-finish").place.function == "main"


def test_tab_offers_commands_and_symbols(run):
    from kernel_magics.magics.completion import candidates
    from kernel_magics.magics.debug import RUMPDEBUG
    from kernel_magics.magics.names import SOURCES

    run("%rumpboot squares --paused")
    assert "squares" in candidates(RUMPDEBUG, [], "", SOURCES)
    assert {"break", "continue", "last-write"} <= set(
        candidates(RUMPDEBUG, ["squares"], "", SOURCES))
    assert {"square", "main"} <= set(candidates(RUMPDEBUG, ["squares", "break"], "s", SOURCES))
    assert "reverse-step" in RUMPDEBUG.manual() and "--replay FOLDER" in RUMPDEBUG.manual()
