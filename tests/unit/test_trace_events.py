"""trace/records/events.py against its oracles: the guest's headers and the system's own."""

import re
import subprocess

import numpy as np
import pytest

from kernel_magics.boot import abi
from kernel_magics.errors import UsageError
from kernel_magics.places import images_dir
from kernel_magics.trace.calls.hypercalls import HYPERCALLS, UPSTREAM
from kernel_magics.trace.calls.netbsd_calls import NETBSD_CALLS
from kernel_magics.trace.records import events

INCLUDE = images_dir() / "rumpkit" / "include"
FIELDS = ("sequence", "tsc", "event", "kind", "detail", "thread", "args", "caller")
RUNTIME = ("PHASE", "SWITCH", "INTERRUPT", "PAGE_FAULT", "WAKEUP", "HOST_EXIT", "MARK")


def run_c(folder, body: str) -> list[str]:
    """Compile a main() against lab_abi.h, run it, return its words."""
    source = folder / "ask.c"
    source.write_text('#include <stdio.h>\n#include <stddef.h>\n#include "lab_abi.h"\n'
                      f"int main(void)\n{{\n{body}\nreturn 0;\n}}\n")
    subprocess.run(["gcc", "-I", INCLUDE, "-o", folder / "ask", source], check=True)
    return subprocess.run([folder / "ask"], check=True, capture_output=True,
                          text=True).stdout.split()


def test_record_layout_equals_the_header(tmp_path):
    body = 'printf("%zu\\n", sizeof(struct lab_record));\n' + "\n".join(
        f'printf("%zu %zu\\n", offsetof(struct lab_record, {field}),'
        f" sizeof(((struct lab_record *)0)->{field}));" for field in FIELDS)
    size, *numbers = map(int, run_c(tmp_path, body))
    assert size == events.RECORD.itemsize == 64
    layout = [events.RECORD.fields[field] for field in FIELDS]
    assert numbers == [n for dtype, offset in layout for n in (offset, dtype.itemsize)]
    assert events.RECORD.names == FIELDS


def test_event_numbers_equal_the_header(tmp_path):
    names = [f"LAB_EVENT_{name}" for name in (*RUNTIME, "HYPERCALL", "SYSCALL")]
    names += ["LAB_EVENTS", "LAB_RECORD_ENTER", "LAB_RECORD_EXIT", "LAB_RECORD_INSTANT"]
    numbers = list(map(int, run_c(tmp_path, "\n".join(
        f'printf("%d\\n", {name});' for name in names))))
    runtime = [events.event_number(name.lower()) for name in RUNTIME]
    first = events.event_number("rumpuser_init"), events.event_number("read")
    assert numbers == [*runtime, *first, events.EVENTS, events.ENTER, events.EXIT,
                       events.INSTANT]


def test_hypercalls_equal_the_header(tmp_path):
    words = run_c(tmp_path, "#define LINE(n, a, r) puts(#n \" \" #a \" \" #r);\n"
                            "LAB_HYPERCALLS(LINE)\nLAB_UPSTREAM(LINE)\n")
    names, recorded, results = words[::3], list(map(int, words[1::3])), words[2::3]
    calls = (*HYPERCALLS, *UPSTREAM)
    assert names == [call.name for call in calls]
    assert results == [str(int(call.result_bits > 0)) for call in calls]
    assert recorded == [row.arguments for row in (*abi.HYPERCALLS, *abi.UPSTREAM)]
    assert recorded == [len(events.event_arguments(events.event_number(name))) for name in names]


def test_prototypes_equal_the_guests_headers(tmp_path):
    """The compiler refuses a second declaration that differs from the header's."""
    source = tmp_path / "again.c"
    lines = []
    for call in HYPERCALLS:
        inside = ", ".join(one.type.replace("(*)", f"(*{one.name})") if "(*)" in one.type
                           else f"{one.type} {one.name}" for one in call.arguments)
        variadic = ", ..." if call.name == "rumpuser_dprintf" else ""
        lines.append(f"{call.result} {call.name}({inside or 'void'}{variadic});")
    source.write_text('#include "rumpuser.h"\n#include "rumpcomp.h"\n' + "\n".join(lines))
    done = subprocess.run(["gcc", "-I", INCLUDE, "-fsyntax-only", source],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_argument_names_equal_the_guests_headers():
    text = (INCLUDE / "rumpuser.h").read_text() + (INCLUDE / "rumpcomp.h").read_text()
    for call in HYPERCALLS:
        if call.name == "rumpuser_dl_bootstrap":
            continue  # the header names none of its arguments
        inside = re.search(rf"\b{call.name}\((.*?)\);", text, re.DOTALL)[1]
        for argument in call.arguments:
            assert re.search(rf"\b{argument.name}\b", inside), (call.name, argument.name)


def test_system_calls_equal_linux():
    text = subprocess.run(["gcc", "-E", "-dM", "-include", "asm/unistd_64.h", "-xc", "/dev/null"],
                          check=True, capture_output=True, text=True).stdout
    linux = {int(number): name for name, number in re.findall(r"__NR_(\w+) (\d+)", text)}
    assert len(linux) > 350
    assert not linux.keys() & NETBSD_CALLS.keys(), "they have what Linux has left free"
    for number in set(range(max(linux) + 1)) - NETBSD_CALLS.keys():
        assert events.NAMES[512 + number] == linux.get(number, f"syscall_{number}")
    assert events.NAMES[512 + 461] == "lsm_list_modules"


def test_names_are_unique_and_each_number_has_one():
    assert len(set(events.NAMES)) == events.EVENTS
    assert [events.event_number(name) for name in events.NAMES] == list(range(events.EVENTS))


@pytest.mark.parametrize(("what", "numbers"), [
    ("off", []),
    ("rumpuser_free", [66]),
    (["write", "rumpuser_init"], [64, 513]),
    ("rumpuser_rw_try*", [100, 101]),
    ("runtime", list(range(1, 64))),
    ("hypercalls", list(range(64, 512))),
    ("syscalls", list(range(512, 1024))),
    (["all", "off"], list(range(1, 1024))),
])
def test_select(what, numbers):
    assert events.select(what).tolist() == numbers


def test_bitmap_sets_the_guests_bits():
    words = events.bitmap(events.select(["rumpuser_free", "write"]))
    assert words.tolist() == [1 << number - start if start <= number < start + 64 else 0
                              for start in range(0, 1024, 64)
                              for number in [66 if start < 512 else 513]]


@pytest.mark.parametrize(("name", "hint"), [
    ("rumpuser_maloc", "rumpuser_malloc"), ("zzzzzzzz", "rumpuser_*"), ("nothing_*", "rumpuser"),
])
def test_unknown_event_names_the_nearest(name, hint):
    with pytest.raises(UsageError, match=re.escape(f"{name!r}")) as caught:
        events.select(["write", name])
    assert hint in caught.value.next_step


def test_arguments_of_each_group():
    def names(event):
        return [one.name for one in events.event_arguments(events.event_number(event))]
    assert names("rumpuser_bio") == ["descriptor", "operation", "data", "bytes"]
    assert names("openat") == ["dirfd", "pathname", "flags", "mode"]
    assert names("switch") == ["previous", "next", "reason"]
    assert names("syscall_500") == [] and names("kevent")[:2] == ["fd", "changelist"]
    assert np.count_nonzero(events.RESULT_BITS[64:64 + len(HYPERCALLS)]) == sum(
        call.result_bits > 0 for call in HYPERCALLS)
