"""The magics inside a real IPython shell: loading, help, Tab, failures."""

import os
import subprocess
import sys
import threading

import pytest
from capabilities import need
from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.core.interactiveshell import InteractiveShell
from main_thread import interrupt_in
from shells import NO_HISTORY

from kernel_magics.errors import LabError, UsageError
from kernel_magics.magics import COMMANDS
from kernel_magics.magics.failure import WaitInterrupted, WorkInterrupted
from kernel_magics.magics.misread import OneSign


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A shell of its own with the extension loaded; taken out again afterwards."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell(config=NO_HISTORY)
    shell.colors = "nocolor"
    shell.run_line_magic("load_ext", "kernel_magics")
    yield shell
    shell.run_line_magic("unload_ext", "kernel_magics")


def complete(shell, text: str) -> list[str]:
    """Return the texts that Tab at the end of `text` would leave there."""
    with provisionalcompleter():
        found = list(rectify_completions(text, shell.Completer.completions(text, len(text))))
    start = text.rfind("\n") + 1
    return sorted(text[start:c.start] + c.text for c in found)


def words(shell, text: str) -> list[str]:
    """Return the last words of what Tab would leave."""
    return [line.rpartition(" ")[2] for line in complete(shell, text)]


def test_loading_imports_nothing_that_a_first_cell_does_not_need():
    code = ("import sys; from IPython.core.interactiveshell import InteractiveShell as S; "
            "s = S(); s.run_line_magic('load_ext', 'kernel_magics'); "
            "print([m for m in ('pandas', 'numpy', 'ipywidgets', 'anywidget', 'libvirt', 'yaml',"
            " 'drgn') if m in sys.modules])")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_the_manual_is_what_a_question_mark_shows(shell, command, capsys):
    mark = "%" if command.line else "%%"
    shell.run_cell(f"{mark}{command.name}?")
    shown = capsys.readouterr().out
    for line in command.manual().splitlines():
        assert line.strip() in shown


def test_a_mistyped_option_fails_the_cell_in_two_lines_without_a_traceback(shell, capsys):
    result = shell.run_cell("%rumpboot hello --memroy 8")
    shown = capsys.readouterr().out
    assert isinstance(result.error_in_exec, UsageError)
    assert "no option --memroy" in shown
    assert "did you mean --memory? options: --name, --memory" in shown
    assert "Traceback" not in shown
    assert len(shown.strip().splitlines()) == 2


@pytest.mark.parametrize(("cell", "message", "step"), [
    ("%rumpbot hello", "there is no magic %rumpbot", "did you mean %rumpboot?"),
    ("%%rumpbiuld hello\nint x;", "there is no magic %%rumpbiuld", "did you mean %%rumpbuild?"),
    ("%%rumpps\nx", "there is no magic %%rumpps", "%rumpps is a line: write it without"),
    ("%rumprun", "there is no magic %rumprun", "did you mean %%rumprun?"),
    ("%rumpelstiltskin", "there is no magic %rumpelstiltskin", "%rumphelp lists"),
])
def test_a_mistyped_magic_is_told_with_the_nearest_name(shell, capsys, cell, message, step):
    result = shell.run_cell(cell)
    shown = capsys.readouterr().out
    assert not result.success
    assert shown.startswith(f"UsageError: {message}\n→ {step}") and "%rumphelp" in shown
    assert len(shown.splitlines()) == 2


def test_other_peoples_magics_keep_the_shells_own_words(shell, capsys):
    shell.run_cell("%nosuchthing")
    said = capsys.readouterr()
    assert said.out == "" and "Line magic function `%nosuchthing` not found" in said.err
    shell.run_cell("%%time")
    assert "%%time is a cell magic" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "below"), [
    ("rumpbuild", "#include <stdio.h>\nint main(void) { return 0; }"),
    ("rumprun", "int main(void) { return 0; }"),
    ("rumpboot", "memory: 8"), ("rumpboot", "argv: [a, b]\nenv: {A: b}"),
    ("rumpboot", "rc:\n  - {bin: server}")])
def test_one_sign_where_two_belong_is_told(shell, capsys, name, below):
    result = shell.run_cell(f"\n%{name} hello\n{below}")
    shown = capsys.readouterr().out
    assert isinstance(result.error_before_exec, UsageError)
    assert shown.startswith(f"UsageError: %{name} with one % is a line")
    assert "Traceback" not in shown
    assert f"begin the cell with %%{name}" in shown


@pytest.mark.parametrize("below", [
    "", "print(1)", "%time 1", "!true", "# memory: 8", "other: int", "memory: int = 8",
    "await asyncio.sleep(0)", "def f():\n    return 1"])
def test_python_below_a_line_magic_is_left_alone(shell, capsys, below):
    result = shell.run_cell(f"%rumpboot nothing-of-this-name\n{below}")
    assert "there is no image called" in str(result.error_in_exec)


def test_the_overview_names_every_magic_and_shows_its_manual(shell, capsys):
    overview = repr(shell.run_cell("%rumphelp").result)
    assert len(overview.splitlines()) == 1 + len(COMMANDS)
    for command in COMMANDS:
        assert f" {command.forms[-1]} " in overview and command.summary in overview
    for name in ("rumpboot", "%rumpboot", "%%rumpboot", "boot"):
        shown = repr(shell.run_cell(f"%rumphelp {name}").result)
        assert "%%rumpboot IMAGE [options]" in shown and "--memory" in shown
    capsys.readouterr()
    shell.run_cell("%rumphelp bot")
    assert "did you mean rumpboot?" in capsys.readouterr().out
    assert "rumpboot" in words(shell, "%rumphelp ru")


def test_a_terminal_that_lacks_a_character_shows_another(tmp_path):
    code = ("from IPython.core.interactiveshell import InteractiveShell as S; s = S(); "
            "s.run_line_magic('load_ext', 'kernel_magics'); s.colors = 'nocolor'; "
            "s.run_cell('%rumpboot hello --memroy 8')")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True,
                          env={**os.environ, "PYTHONIOENCODING": "iso8859-9",
                               "IPYTHONDIR": str(tmp_path)})
    assert b"\n? did you mean --memory?" in said.stdout and b"Traceback" not in said.stdout


def test_tb_shows_the_traceback_afterwards(shell, capsys):
    shell.run_cell("%rumpboot hello --memroy 8")
    capsys.readouterr()
    shell.run_cell("%tb")
    assert "Traceback" in capsys.readouterr().out


def test_a_lab_error_of_the_users_own_code_has_no_traceback_either(shell, capsys):
    shell.run_cell("from kernel_magics import LabError\n"
                   "raise LabError('no such thing', next_step='take another')")
    shown = capsys.readouterr().out
    assert shown == "LabError: no such thing\n→ take another\n"


def test_another_error_keeps_its_traceback(shell, capsys):
    shell.run_cell("1 / 0")
    assert "Traceback" in capsys.readouterr().out


def test_a_script_can_catch_what_a_magic_raises(shell):
    shell.run_cell("from kernel_magics import LabError\n"
                   "try:\n    get_ipython().run_line_magic('rumpboot', '')\n"
                   "except LabError as error:\n    caught = error.message")
    assert shell.user_ns["caught"] == "%rumpboot: IMAGE is missing"


def test_an_interrupted_wait_is_an_interrupt_and_reads_as_one_sentence(shell, capsys):
    shell.user_ns["WaitInterrupted"] = WaitInterrupted
    result = shell.run_cell("raise WaitInterrupted('guest a goes on running')")
    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert capsys.readouterr().out == "WaitInterrupted: guest a goes on running\n"


def test_an_interrupted_build_is_one_sentence_and_ends_the_compiler(shell, capsys, tmp_path):
    need("compiler")
    header = tmp_path / "endless.h"
    os.mkfifo(header)
    compiler_gone = []

    def interrupt_the_compiler() -> None:
        with header.open("wb", buffering=0) as pipe:  # returns once the compiler reads
            interrupt_in("communicate")
            try:
                while True:
                    pipe.write(b"\n")
            except BrokenPipeError:
                compiler_gone.append(True)

    thread = threading.Thread(target=interrupt_the_compiler, daemon=True)
    thread.start()
    result = shell.run_cell(f'%%rumpbuild slow\n#include "{header}"\nint main(void) {{}}')
    thread.join(60)
    assert isinstance(result.error_in_exec, WorkInterrupted) and compiler_gone == [True]
    assert capsys.readouterr().out == (
        "WorkInterrupted: building slow was interrupted, and left nothing half done\n"
        "→ run the cell again\n")


def test_an_empty_cell_is_one_clear_error(shell, capsys):
    result = shell.run_cell("%%rumpbuild hello\n   \n")
    assert isinstance(result.error_in_exec, UsageError)
    assert "the cell has no program" in capsys.readouterr().out


def test_tab_completes_options_and_choices(shell):
    assert complete(shell, "%rumpboot hello --mem") == ["%rumpboot hello --memory"]
    assert words(shell, "%rumpboot hello --accel ") == ["auto", "kvm", "tcg"]
    assert words(shell, "%rumpboot hello --accel t") == ["tcg"]
    assert words(shell, "guest = %rumpboot hello --back") == ["--background"]
    assert words(shell, "%%rumpbuild hello --la") == ["--lang"]
    assert words(shell, "%rumpsym hello --layer vf") == ["vfs"]
    assert words(shell, "%rumptrace hello --start hyper") == ["hypercalls"]


def test_tab_does_not_offer_an_option_twice_unless_it_may_be_repeated(shell):
    assert "--memory" not in words(shell, "%rumpboot hello --memory 8 --")
    assert "--env" in words(shell, "%rumpboot hello --env A=1 --")


def test_tab_completes_the_settings_of_a_body(shell):
    assert complete(shell, "%%rumpboot hello\nmemory: 8\nar") == ["argv: "]
    assert complete(shell, "%%rumpboot hello\ntrace") == ["trace: ", "trace_records: "]
    assert "argv: " not in complete(shell, "%%rumpbuild hello\nar")


def test_tab_leaves_other_lines_alone(shell):
    assert "--memory" not in words(shell, "rumpboot --m")
    assert "--memory" not in words(shell, "%rumpboot hello -- --mem")
    assert complete(shell, "impo") == ["import"]


def test_unloading_takes_everything_back(shell):
    before = shell.CustomTB
    shell.run_line_magic("unload_ext", "kernel_magics")
    assert "rumpboot" not in shell.magics_manager.magics["line"]
    assert "rumpbuild" not in shell.magics_manager.magics["cell"]
    assert not [m for m in shell.Completer.custom_matchers if m.__name__ == "rumplab_matcher"]
    assert shell.CustomTB is not before
    assert LabError not in shell.custom_exceptions
    assert not [t for t in shell.input_transformers_cleanup if isinstance(t, OneSign)]
    shell.run_line_magic("load_ext", "kernel_magics")
