"""Panic reports with their details, and as files."""

import json
import os
import subprocess
from ctypes import sizeof
from pathlib import Path

import pytest
from tiny_guest import build

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics import Lab
from kernel_magics.boot.abi import Panic, PanicKind
from kernel_magics.errors import UsageError
from kernel_magics.inspect.panics.panic import decode_panic, make_report
from kernel_magics.inspect.panics.report_reader import open_report
from kernel_magics.places import images_dir

PROGRAM = """struct pair { int one, two; };
char text[] = "some words";
__attribute__((noinline)) int get(struct pair *pair)
{
  return pair->two;
}
int main(int argc, char **argv)
{
  return get(0) + text[argc];
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("image"), PROGRAM, "crash")


@pytest.fixture(scope="module")
def report(image, tmp_path_factory):
    """The report of a page fault in get's first load, as a guest would leave it."""
    writer = tmp_path_factory.mktemp("writer") / "panic_writer"
    subprocess.run(["gcc", "-I", str(images_dir() / "rumpkit/include"), "-o", str(writer),
                    str(Path(__file__).with_name("panic_writer.c"))], check=True)
    load = next(one for one in image.code("get") if "dword ptr" in one.operands)
    numbers = [int(PanicKind.NULL_DEREFERENCE), 14, 0, 11, 4, 0x700000000000, 0, load.address]
    data = subprocess.run([str(writer), *map(str, numbers)], capture_output=True, check=True)
    record = decode_panic(data.stdout)
    record.registers[1] = image.symbols.find("text").address  # rbx
    return make_report(record, image)


def test_the_failed_instruction_is_told_with_its_operands(report):
    assert report.details.instruction == \
        "mov eax, dword ptr [rdi + 4]    rdi = 0x0 (null), [rdi + 4] = 0x4"
    marked = [line for line in report.details.code if line.startswith("→")]
    assert len(marked) == 1 and "[rdi + 4]" in marked[0]


def test_registers_say_what_they_point_to(report):
    notes = report.details.register_notes
    assert notes["rbx"] == "in text+0x0 (object, layer app)"
    assert "in get+" in notes["rip"] and "rdi" not in notes


def test_frames_have_their_source_and_a_table(report):
    assert "→    5 |   return pair->two;" in report.details.excerpts["crash.c:5"]
    assert (report.df["function"][0], report.df["line"][0]) == ("get", 5)
    assert "the instruction that failed" in report.full_text()
    assert report.full_text().startswith(report.text())


def test_a_saved_report_opens_without_anything_else(report, tmp_path):
    path = report.save(tmp_path / "crash.report")
    with Lab() as lab:
        opened = lab.open_report(path)
    assert opened == report and repr(opened) == repr(report)
    assert opened.full_text() == report.full_text()
    assert opened.culprit == report.culprit and opened.df.equals(report.df)
    assert opened.details == report.details
    assert opened.save(tmp_path / "again") and (tmp_path / "again").read_text() == path.read_text()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["again", "crash.report"]


def test_where_nothing_can_be_written_one_error_says_so(report, tmp_path):
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "none" / "x", tmp_path / "folder"):
        with pytest.raises(UsageError, match="cannot write"):
            report.save(place)
    assert list((tmp_path / "folder").iterdir()) == []
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def damaged(text, change):
    """Return a saved report with one thing wrong."""
    record = json.loads(text)
    change(record)
    return json.dumps(record)


@pytest.mark.parametrize(("change", "reason"), [
    (lambda r: r.update(format="other"), "does not say that it is one"),
    (lambda r: r.update(version=9), "has version 9"),
    (lambda r: r.pop("frames"), "frames are missing"),
    (lambda r: r.update(frames={}), "frames are missing"),
    (lambda r: r.update(frames=[3]), "a PanicFrame is missing"),
    (lambda r: r["frames"][0].update(line="x"), "'line' is str"),
    (lambda r: r["frames"][0].pop("layer"), "has no 'layer'"),
    (lambda r: r.update(registers=[1]), "'registers' is"),
    (lambda r: r.update(registers={"rax": "x"}), "'registers' is"),
    (lambda r: r.update(thread=True), "'thread' is bool"),
    (lambda r: r.update(details=None), "PanicDetails is missing"),
    (lambda r: r["details"].update(events=[3]), "'events' is"),
    (lambda r: r["details"].update(excerpts={"a": 3}), "'excerpts' is"),
])
def test_a_report_with_something_wrong_is_refused(report, tmp_path, change, reason):
    path = report.save(tmp_path / "report")
    path.write_text(damaged(path.read_text(), change))
    with pytest.raises(UsageError, match="report is no panic report") as caught:
        open_report(path)
    assert reason in caught.value.message and caught.value.path == path


def test_files_that_are_no_reports_are_refused(report, tmp_path):
    whole = report.save(tmp_path / "report").read_bytes()
    for data in (b"", b"{}", b"[1]", b"\xff\xfe", whole[:-5], b"[" * 100_000, b"null"):
        (tmp_path / "other").write_bytes(data)
        with pytest.raises(UsageError, match="is no panic report"):
            open_report(tmp_path / "other")
    with open(tmp_path / "huge", "wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(UsageError, match="larger than"):
        open_report(tmp_path / "huge")
    os.mkfifo(tmp_path / "pipe")
    for place, reason in ((tmp_path / "none", "cannot read"), (tmp_path, "not a regular file"),
                          (tmp_path / "pipe", "not a regular file")):
        with pytest.raises(UsageError, match=reason):
            open_report(place)


def test_a_newer_report_with_more_in_it_still_opens(report, tmp_path):
    path = report.save(tmp_path / "report")
    path.write_text(damaged(path.read_text(), lambda r: r.update(colour="red")))
    assert open_report(path) == report


def test_a_record_that_lies_is_bounded(image):
    """Every number as large as it can be: a report, no crash and no endless walk."""
    record = Panic.from_buffer_copy(b"\xff" * sizeof(Panic))
    record.magic, record.kind = 0x43494E50, int(PanicKind.PAGE_FAULT)
    made = make_report(record, image)
    assert len(made.frames) <= 64 and made.full_text()
