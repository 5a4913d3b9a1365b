"""boot/abi.py against its oracle: the C header, compiled and asked."""

import ctypes
import re
import subprocess

import pytest

from kernel_magics.boot import abi
from kernel_magics.places import images_dir

HEADER = images_dir() / "rumpkit" / "include" / "lab_abi.h"
STRUCTS = {"lab_note": abi.Note, "lab_record": abi.Record, "lab_header": abi.Header,
           "lab_thread": abi.Thread, "lab_panic": abi.Panic}
ENUMS = {"LAB_STATE_": abi.State, "LAB_PHASE_": abi.Phase, "LAB_EVENT_": abi.Event,
         "LAB_RECORD_": abi.RecordKind, "LAB_STACK_": abi.StackPart,
         "LAB_THREAD_": abi.ThreadState, "LAB_PROCESS_": abi.ProcessFact,
         "LAB_PANIC_": abi.PanicKind, "LAB_CONSOLE_": abi.ConsoleInput}
NUMBERS = {"LAB_ABI_VERSION": abi.ABI_VERSION, "LAB_MAGIC": abi.MAGIC,
           "LAB_NOTE_HEADER": abi.NOTE_HEADER, "LAB_EVENTS": abi.EVENTS,
           "LAB_PHASES": abi.PHASES, "LAB_PANIC_MAGIC": abi.PANIC_MAGIC,
           "LAB_PANIC_FRAMES": abi.PANIC_FRAMES,
           "LAB_CONSOLE_BACKLOG_BYTES": abi.CONSOLE_BACKLOG_BYTES,
           "LAB_DATA_BYTES_MOST": abi.DATA_BYTES_MOST,
           "LAB_PACKET_BYTES_MOST": abi.PACKET_BYTES_MOST,
           "LAB_STACK_WORDS_MOST": abi.STACK_WORDS_MOST,
           "LAB_SAMPLE_NS_LEAST": abi.SAMPLE_NS_LEAST,
           "LAB_DEVICE_QUEUE_SHIFT": abi.DEVICE_QUEUE_SHIFT,
           "LAB_DETAIL_IN_INTERRUPT": abi.DETAIL_IN_INTERRUPT}


def _expected() -> dict[str, int]:
    facts = dict(NUMBERS)
    for prefix, enum in ENUMS.items():
        facts |= {f"{prefix}{member.name}": member.value for member in enum}
    for name, layout in STRUCTS.items():
        facts[f"sizeof(struct {name})"] = ctypes.sizeof(layout)
        for field, _ in layout._fields_:
            facts[f"offsetof(struct {name}, {field})"] = getattr(layout, field).offset
            facts[f"sizeof(((struct {name} *)0)->{field})"] = getattr(layout, field).size
    return facts


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compile a program that prints the header's own numbers; return its lines."""
    folder = tmp_path_factory.mktemp("abi")
    prints = "\n".join(f'printf("%llu\\n", (unsigned long long)({e}));' for e in _expected())
    (folder / "ask.c").write_text(
        f'#include <stdio.h>\n#include <stddef.h>\n#include "{HEADER}"\n'
        f"#define LINE(n, a, r) puts(#n \" \" #a \" \" #r);\n"
        f"int main(void) {{ {prints}\n puts(LAB_NOTE_OWNER);"
        " LAB_HYPERCALLS(LINE) LAB_UPSTREAM(LINE) }\n")
    subprocess.run(["gcc", "-o", folder / "ask", folder / "ask.c"], check=True)
    return subprocess.run([folder / "ask"], check=True, capture_output=True,
                          text=True).stdout.splitlines()


def test_numbers_sizes_and_offsets_equal_the_header(compiled):
    expected = _expected()
    told = {name: int(line) for name, line in zip(expected, compiled, strict=False)}
    assert told == expected


def test_note_owner_and_hypercalls_equal_the_header(compiled):
    owner, *rows = compiled[len(_expected()):]
    assert owner == abi.NOTE_OWNER
    assert rows == [f"{h.name} {h.arguments} {int(h.result)}"
                    for h in (*abi.HYPERCALLS, *abi.UPSTREAM)]


def test_every_enumerator_of_the_header_is_known():
    text = HEADER.read_text()
    known = set(_expected()) | {"LAB_NOTE_OWNER"}
    defined = set(re.findall(r"#define (LAB_[A-Z_]+) ", text))
    enumerators = set(re.findall(r"^\t(LAB_(?!HC)[A-Z_]+) =", text, re.MULTILINE))
    assert enumerators | defined <= known | {"LAB_ABI_H"}
