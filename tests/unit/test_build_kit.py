"""Building, caching and what can go wrong around it, with the real compiler."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from tiny_guest import HELLO, RUNTIME, build, request

from kernel_magics.build import BuildCache, BuildRequest, RumpkitKit, Source, find_kit
from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import BuildError, HostError, UsageError


@pytest.fixture
def bin_folder(tmp_path, monkeypatch):
    """A PATH with nothing but links to the tools a test names."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def offer(*names):
        for name in names:
            (folder / name).symlink_to(shutil.which(name))
        monkeypatch.setenv("PATH", str(folder))
    return offer


def test_image_has_what_was_asked_for(tmp_path):
    image = build(tmp_path)
    assert (image.name, image.kit, image.cached) == ("hello", "rumpkit", False)
    assert image.sources[0].text == HELLO
    assert image.size_bytes == image.stripped_path.stat().st_size
    assert ElfFile.read(image.path).boot_protocol == "pvh"
    assert image.build_ns > 1_000_000


def test_unchanged_source_is_found_again(tmp_path):
    first, second = build(tmp_path), build(tmp_path)
    assert second.cached and second.path == first.path
    assert second.content_hash == first.content_hash


@pytest.mark.parametrize("change", [
    {"text": HELLO + "\n"}, {"cflags": ("-O1",)}, {"first_line": 2}, {"name": "other"}])
def test_what_is_different_is_built(tmp_path, change):
    first = build(tmp_path)
    second = build(tmp_path, **change)
    assert not second.cached and second.path != first.path


def test_a_cache_whose_path_has_blanks_serves_too(tmp_path):
    image = build(tmp_path / "a cache of mine")
    assert " " in str(image.path)
    assert ElfFile.read(image.path).boot_protocol == "pvh"


def test_same_sources_make_the_same_bytes(tmp_path):
    one, two = build(tmp_path / "one"), build(tmp_path / "two")
    assert not two.cached
    assert one.content_hash == two.content_hash
    assert one.path.read_bytes() == two.path.read_bytes()


def test_replaced_compiler_is_noticed(tmp_path, bin_folder, monkeypatch):
    build(tmp_path)
    copy = tmp_path / "newer"
    copy.mkdir()
    # The driver finds its parts from its own place, so the copy is a wrapper.
    (copy / "gcc").write_text(f'#!/bin/sh\nexec {shutil.which("gcc")} "$@"\n')
    (copy / "gcc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{copy}:{os.environ['PATH']}")
    assert not build(tmp_path).cached


def test_changed_header_of_the_users_is_noticed(tmp_path):
    header = tmp_path / "answer.h"
    header.write_text("#define ANSWER 42\n")
    text = '#include "answer.h"\nint main(void) { return ANSWER; }\n'
    first = build(tmp_path / "cache", text, folder=tmp_path)
    assert build(tmp_path / "cache", text, folder=tmp_path).cached
    header.write_text("#define ANSWER 43\n")
    second = build(tmp_path / "cache", text, folder=tmp_path)
    assert not second.cached and second.content_hash != first.content_hash
    header.write_text("#define ANSWER 42\n")
    assert build(tmp_path / "cache", text, folder=tmp_path).path == first.path


def test_damaged_cache_entry_is_built_again(tmp_path):
    image = build(tmp_path)
    image.path.write_bytes(image.path.read_bytes()[:100])
    again = build(tmp_path)
    assert not again.cached
    assert ElfFile.read(again.path).boot_protocol == "pvh"
    assert build(tmp_path).cached


def test_debugging_data_names_the_source_as_the_user_does(tmp_path):
    image = build(tmp_path, "\n" + HELLO, first_line=7)
    main = next(line.split()[0] for line in subprocess.run(
        ["nm", image.path], capture_output=True, text=True).stdout.splitlines()
        if line.endswith(" main"))
    said = subprocess.run(["addr2line", "-e", image.path, main], capture_output=True, text=True)
    assert said.stdout.strip().removeprefix("./") == "hello.c:9" or \
        said.stdout.strip() == "././hello.c:9"
    assert str(tmp_path).encode() not in image.path.read_bytes()


def test_name_is_remembered_by_the_next_process(tmp_path):
    image = build(tmp_path)
    again = RumpkitKit(BuildCache(tmp_path), RUNTIME).last("hello")
    assert again.path == image.path and again.sources == image.sources
    assert BuildCache(tmp_path).names() == ["hello"]
    assert RumpkitKit(BuildCache(tmp_path), RUNTIME).last("nothing") is None


def test_two_sources_are_one_program(tmp_path):
    sources = (Source("int answer(void) { return 42; }\n", "answer.c"),
               Source("int answer(void);\nint main(void) { return answer(); }\n", "main.c"))
    image = RumpkitKit(BuildCache(tmp_path), RUNTIME).build(BuildRequest("two", sources))
    assert image.path.exists()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../up", ".hidden", "-o", "x" * 65, "ä"])
def test_names_that_are_none(tmp_path, name):
    with pytest.raises(UsageError, match="not a name for an image") as caught:
        build(tmp_path, name=name)
    assert "letters, digits" in caught.value.next_step


@pytest.mark.parametrize("text", ["", "  \n\t\n"])
def test_empty_cell(tmp_path, text):
    with pytest.raises(UsageError, match="no source text"):
        build(tmp_path, text)


def test_unknown_language_kit_and_file_name(tmp_path):
    with pytest.raises(UsageError, match="no such language: 'ada'; there are c, c\\+\\+"):
        build(tmp_path, lang="ada")
    with pytest.raises(UsageError, match="no such kit: 'nokit'; there are rumpkit"):
        find_kit("nokit")
    with pytest.raises(UsageError, match="not a name for a source file"):
        RumpkitKit(BuildCache(tmp_path), RUNTIME).build(
            BuildRequest("x", (Source("int x;", "../x.c"),)))


@pytest.mark.parametrize("flag", ["-c", "-S", "-E", "-fsyntax-only", "-shared"])
def test_options_that_make_no_program(tmp_path, flag):
    with pytest.raises(UsageError, match=f"^{flag} makes something else than a guest image"):
        build(tmp_path, cflags=(flag,))
    with pytest.raises(UsageError):
        build(tmp_path, ldflags=(flag,))


def test_no_compiler(tmp_path, bin_folder):
    bin_folder("ls")
    with pytest.raises(HostError, match="no gcc") as caught:
        build(tmp_path)
    assert "sudo apt-get install gcc" in caught.value.next_step


def test_no_musl(tmp_path, bin_folder):
    bin_folder("gcc")
    with pytest.raises(HostError, match="no musl") as caught:
        build(tmp_path)
    assert "musl-tools" in caught.value.next_step


def test_no_make(tmp_path, bin_folder, monkeypatch):
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path / "empty"))
    bin_folder("gcc", "musl-gcc")
    with pytest.raises(HostError, match="no make"):
        build(tmp_path)


def test_runtime_that_does_not_build_shows_the_log(tmp_path, monkeypatch):
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path / "cache"))
    broken = tmp_path / "runtime"
    shutil.copytree(RUNTIME, broken)
    (broken / "entry.S").write_text("\tmov %nowhere, %rax\n")
    with pytest.raises(BuildError) as caught:
        RumpkitKit(BuildCache(tmp_path / "images"), broken).build(request(HELLO))
    assert "does not build" in caught.value.message and "nowhere" in caught.value.log
    assert f"make -C {broken}" in caught.value.next_step
    assert [path.name for path in (tmp_path / "cache" / "rumpkit").iterdir()] == []


def test_changed_runtime_makes_another_image(tmp_path, monkeypatch):
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path / "cache"))
    runtime = tmp_path / "runtime"
    shutil.copytree(RUNTIME, runtime)
    kit = RumpkitKit(BuildCache(tmp_path / "images"), runtime)
    first = kit.build(request(HELLO))
    script = runtime / "link.ld"
    script.write_text(script.read_text().replace("0x100000", "0x200000"))
    second = kit.build(request(HELLO))
    assert not second.cached
    assert ElfFile.read(second.path).segments[0].virtual_address == 0x200000
    assert ElfFile.read(first.path).segments[0].virtual_address == 0x100000


def full_disk(folder):
    """Mount a disk of 64 KiB, or skip: only root may."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],
                             capture_output=True)
    if mounted.returncode:
        pytest.skip("needs permission to mount a small disk")
    return folder


def test_full_disk(tmp_path):
    disk = full_disk(tmp_path / "disk")
    try:
        (disk / "filler").write_bytes(b"x" * 50_000)
        with pytest.raises(HostError, match="no space left on device") as caught:
            build(disk / "cache")
        assert "RUMPLAB_CACHE" in caught.value.next_step
        assert not any(path.name.startswith(".staging") for path in (disk / "cache").iterdir())
        (disk / "filler").unlink()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_cache_in_a_place_that_cannot_be_written():
    with pytest.raises(HostError, match="cannot write the build cache"):
        build(Path("/sys/rumplab-cache"))


def test_same_program_built_by_many_at_once(tmp_path):
    images = []
    threads = [threading.Thread(target=lambda: images.append(build(tmp_path)))
               for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({image.path for image in images}) == 1 and len(images) == 6
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".staging")]


def test_interrupted_build_leaves_nothing(tmp_path):
    """Ctrl-C in the middle of a compilation that would take minutes."""
    slow = "#define A(x) x + x\n#define B(x) A(A(A(A(x))))\n#define C(x) B(B(B(B(B(x)))))\n" \
           "int main(int argc, char **argv) { return C(argc); }\n"
    code = textwrap.dedent(f"""
        import sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path.cwd())!r}]
        from pathlib import Path
        from tiny_guest import build
        try:
            build(Path({str(tmp_path / "cache")!r}), {slow!r})
        except KeyboardInterrupt:
            print("interrupted")
        """)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    compilers = wait_for(lambda: children_named(process.pid, "cc1"))
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "interrupted\n"
    wait_for(lambda: not any(is_alive(pid) for pid in compilers))
    assert [path for path in (tmp_path / "cache").rglob("*")] == []


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def children_named(pid, name):
    """All processes called `name` below `pid`."""
    found, parents = [], [pid]
    while parents:
        parent = parents.pop()
        try:
            text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except OSError:
            continue
        for child in map(int, text.split()):
            parents.append(child)
            try:
                if Path(f"/proc/{child}/comm").read_text().strip() == name:
                    found.append(child)
            except OSError:
                pass
    return found


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError as error:
        assert error.errno in (errno.ENOENT, errno.ESRCH)
        return False
