"""Folders with a build system: which it is, its copy, what is run, what its messages say."""

import os
import shutil
from pathlib import Path

import pytest

from kernel_magics.build.diagnostics import SourceLines
from kernel_magics.build.kits import Source
from kernel_magics.build.linking import parse_linker
from kernel_magics.build.parts import Project
from kernel_magics.build.rumprun.compiling import failure
from kernel_magics.build.rumprun.mirror import (
    list_sources,
    mirror,
    recipe_identity,
    tree_identity,
)
from kernel_magics.build.rumprun.missing import for_linux
from kernel_magics.build.rumprun.needs import missing_needs
from kernel_magics.build.rumprun.project_log import parse_text, project_failure
from kernel_magics.build.rumprun.systems import Flags, Step, find_system, steps_of
from kernel_magics.build.rumprun.toolchain import RumprunToolchain
from kernel_magics.errors import HostError, UsageError

TOOLCHAIN = RumprunToolchain(Path("/opt/rr"), Path("/opt/rr/bin/cc"), Path("/opt/rr/bin/c++"),
                             Path("/opt/rr/bin/rumprun-bake"), "1", "one")


@pytest.fixture
def folder(tmp_path):
    """A project of make, with what a build on this machine left in it."""
    place = tmp_path / "project"
    for name, data in {"Makefile": b"prog: a.o\n", "a.c": b"int main(void) { return 0; }\n",
                       "sub/a.h": b"\n", "a.o": b"\x7fELF old", "prog": b"\x7fELF old",
                       "lib.a": b"!<arch>\n", "config.status": b"old", ".git/HEAD": b"ref",
                       "out/CMakeCache.txt": b"old", "out/x.c": b"old"}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def names(folder):
    return [one.path for one in list_sources(folder)]


def test_what_an_earlier_build_left_is_no_source(folder):
    assert names(folder) == ["Makefile", "a.c", "lib.a", "sub/a.h"]


def test_the_copy_follows_the_folder_and_keeps_what_is_built_in_it(folder, tmp_path):
    place = tmp_path / "copy"
    place.mkdir()
    mirror(folder, list_sources(folder), place)
    (place / "a.o").write_text("built")
    old = os.stat(place / "a.c").st_mtime_ns
    assert old == os.stat(folder / "a.c").st_mtime_ns

    (folder / "a.c").write_text("int main(void) { return 1; }\n")
    (folder / "sub/a.h").unlink()
    os.utime(folder / "a.c", ns=(1, 1))  # a file may be replaced by an older one
    mirror(folder, list_sources(folder), place)
    assert "return 1" in (place / "a.c").read_text() and os.stat(place / "a.c").st_mtime_ns > old
    assert not (place / "sub/a.h").exists() and (place / "a.o").read_text() == "built"


def test_files_that_changed_together_keep_their_order(folder, tmp_path):
    """Or make would make again what a project brings along: its Makefile.in, its configure."""
    place = tmp_path / "copy"
    place.mkdir()
    mirror(folder, list_sources(folder), place)
    order = ("sub/a.h", "a.c", "Makefile")
    (folder / "a.c").write_bytes(bytes(32 << 20))  # takes longer than a tick of a file's time
    for index, name in enumerate(order, 1):
        os.utime(folder / name, ns=(index * 10**9, index * 10**9))
    mirror(folder, list_sources(folder), place)
    times = [os.stat(place / name).st_mtime_ns for name in order]
    assert times == sorted(times)


def test_what_a_change_changes(folder):
    files = list_sources(folder)
    tree, recipe = tree_identity(files), recipe_identity(folder, files)
    (folder / "a.c").write_text("int main(void) { return 1; }\n")
    files = list_sources(folder)
    assert tree_identity(files) != tree and recipe_identity(folder, files) == recipe
    (folder / "Makefile").write_text("prog: a.o b.o\n")
    assert recipe_identity(folder, list_sources(folder)) != recipe


def test_a_link_to_a_folder_is_not_followed(folder):
    (folder / "round").symlink_to(folder)
    (folder / "b.c").symlink_to(folder / "a.c")
    assert names(folder) == ["Makefile", "a.c", "b.c", "lib.a", "sub/a.h"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read(folder):
    (folder / "sub").chmod(0)
    with pytest.raises(UsageError, match="cannot read the project"):
        list_sources(folder)


def test_a_folder_that_is_too_large(folder, monkeypatch):
    monkeypatch.setattr("kernel_magics.build.rumprun.mirror.MOST_FILES", 2)
    with pytest.raises(UsageError, match="too large for a project"):
        list_sources(folder)


def test_which_build_system(folder):
    assert find_system(Project(folder)) == "make"
    (folder / "configure").write_text("#!/bin/sh\n")
    assert find_system(Project(folder)) == "configure"
    (folder / "CMakeLists.txt").write_text("project(x)\n")
    assert find_system(Project(folder)) == "cmake"
    assert find_system(Project(folder, "make")) == "make"
    with pytest.raises(UsageError, match="no such build system: 'meson'"):
        find_system(Project(folder, "meson"))
    (folder / "configure").unlink()
    with pytest.raises(UsageError, match="has nothing for configure") as caught:
        find_system(Project(folder, "configure"))
    assert caught.value.next_step == "it has files for cmake, make"


@pytest.mark.parametrize(("names", "step"), [
    ((), "write a Makefile, or name source files"),
    (("b.c", "a.c"), "name its source files instead: a.c b.c"),
    (("configure.ac",), "autoreconf --install"),
    (("inner/Makefile",), "did you mean the folder inner in it?")])
def test_a_folder_without_a_build_file(tmp_path, names, step):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(UsageError, match="nothing says how it is built") as caught:
        find_system(Project(tmp_path))
    assert step in caught.value.next_step


def test_how_each_system_is_told_about_rumprun(folder):
    (folder / "configure").write_text("# Generated by GNU Autoconf 2.71\n")
    project = Project(folder, settings=("--without-x",), goals=("prog",))
    flags = Flags(("-g",), ("-DA=b c",), ("-lz",))

    def steps(system):
        return steps_of(system, project, TOOLCHAIN, folder, flags)

    configure, make = steps("configure")
    assert {"--host=x86_64-rumprun-netbsd", "--without-x"} <= set(configure.command)
    assert configure.is_once and not make.is_once and make.command[-1] == "prog"
    assert (configure.env["CC"], configure.env["LIBS"]) == ("cc -g '-DA=b c'", "-lz")
    assert configure.env["PATH"].startswith("/opt/rr/bin:")
    (make,) = steps("make")
    assert {"CC=cc -g '-DA=b c'", "CXX=c++ -g '-DA=b c'", "LDLIBS=-lz"} < set(make.command)
    assert not [word for word in make.command if word.startswith("AR=")]
    cmake, make = steps("cmake")
    assert "-DCMAKE_C_FLAGS=-g '-DA=b c'" in cmake.command and "--target" in make.command

    (folder / "configure").write_text("# written by hand\n")
    assert not [word for word in steps("configure")[0].command if word.startswith("--host")]


def test_the_compilers_messages_are_under_the_projects_lines(folder):
    log = ("cc -c a.c\nmake[1]: in sub\nsub/../a.c:1:14: warning: unused [-Wunused-variable]\n"
           "a.h:1: error: what\na.c:1:5: fatal error: gone: No such file\n")
    unused, what, gone = parse_text(log, folder)
    assert (unused.severity, unused.option) == ("warning", "-Wunused-variable")
    assert "int main" in unused.source_line
    assert (what.file, what.column) == ("sub/a.h", 0)  # the only one of that name
    assert (gone.file, gone.line, gone.severity) == ("a.c", 1, "error")


@pytest.mark.parametrize(("log", "message", "step"), [
    ("configure: error: no libfoo\n", "project: configure says: no libfoo", ""),
    ("configure: error: cannot run test program while cross compiling\n", "cannot run", "=yes"),
    ("CMake Error at CMakeLists.txt:3 (find_package):\n  there is\n  none\n\nCall Stack\n",
     "CMake says (CMakeLists.txt:3): there is none", ""),
    ("make: *** No rule to make target 'nix'.  Stop.\n", "make has no rule for 'nix'", "--goal"),
    ("/bin/sh: 1: bison: not found\n", "its build needs bison", "install it"),
    ("./fbc -c\n/bin/bash: line 1: ./fbc: cannot execute binary file: Exec format error\n"
     "make: *** [Makefile:6: x.h] Error 126\n", "runs ./fbc, which it has just made", "--goal"),
    ("/bin/sh: 1: ./gen: Exec format error\n", "its build runs ./gen,", "--goal"),
    ("lib.c:1: undefined reference to `nix'\n", "undefined symbol `nix`", ""),
    ("x86_64-rumprun-netbsd-gcc -g -c a.c\na.c:1:1: warning: w\n 1 | x\n  | ^\nlate: broken\n",
     "project does not build; step said:\nlate: broken", "")])
def test_what_a_step_that_failed_says(folder, log, message, step):
    error = project_failure(Step("step", ("make",), {}), Project(folder), folder, log, "")
    assert message in error.message and step in error.next_step
    assert error.log == log and error.command == ["make"]


def test_generated_files_that_look_old(folder):
    log = ("cd . && /bin/sh ./missing automake-1.14 --gnu\n./missing: line 81: automake-1.14: not "
           "found\nWARNING: 'automake-1.14' is missing on your system.\nmake: *** Error 127\n")
    error = project_failure(Step("make", ("make",), {}), Project(folder), folder, log, "")
    assert "make wants to run automake-1.14 again" in error.message
    assert "-exec touch" in error.next_step and "or install automake-1.14" in error.next_step


def test_configure_says_what_the_compiler_said(folder):
    (folder / "config.log").write_text("conftest.c:9: error: foo.h: No such file\n"
                                       "## Cache variables. ##\nx: 1: error: no\n")
    error = project_failure(Step("configure", ("sh",), {}), Project(folder), folder,
                            "configure: error: no foo\n", "")
    assert "conftest.c:9: error: foo.h" in error.next_step


def test_what_a_text_names_and_the_image_lacks(tmp_path):
    lib = tmp_path / "rumprun-x86_64/lib/rumprun-hw"
    lib.mkdir(parents=True)
    toolchain = RumprunToolchain(tmp_path, tmp_path, None, tmp_path, "1", "two")
    text = ('/* AF_INET6 is not used */\nint a = AF_INET; // "/dev/npf"\n'
            'int b = open("/dev/crypto", 0);\nint c = mount("msdos", "/m", 0, 0, 0);\n')
    found = missing_needs([Source(text, "x.c", 2)], ["rumpnet_netinet"], toolchain)
    assert [(one.line, one.message.split(":")[0]) for one in found] == [
        (4, '"/dev/crypto" needs rumpdev_opencrypto, which this image has not'),
        (5, 'mount("msdos" needs rumpfs_msdos, which this image has not')]
    assert "built without rumpdev_opencrypto" in found[0].message
    assert found[0].source_line == 'int b = open("/dev/crypto", 0);'


@pytest.mark.parametrize(("log", "message"), [
    ("as: No space left on device\n", "no space left on the cache's disk"),
    ("/opt/rr/bin/cc: 66: /opt/rr/libexec/x/cc: not found\n", "/opt/rr/libexec/x/cc cannot be run"),
    ("cc: line 66: /opt/rr/libexec/x/cc: cannot execute: required file not found\n", "is broken")])
def test_tools_that_cannot_work(folder, log, message):
    for error in (failure("x", ["cc"], [], log), project_failure(
            Step("make", ("make",), {}), Project(folder), folder, log, "")):
        assert isinstance(error, HostError) and message in error.message and error.next_step
    assert "make" not in error.message


@pytest.mark.parametrize(("output", "message"), [
    ("ld: cannot find own.a: No such file or directory", "there is no file own.a to link"),
    ("/x/arm.o: file not recognized: file format not recognized", "arm.o is no object file"),
    ("ld: skipping incompatible ./libx.a when searching for -lx", "libx.a is no object file"),
    ("ld: cannot find -lx: No such file or directory", "no library -lx for guests; has y")])
def test_files_that_cannot_be_linked(output, message):
    (found,) = parse_linker(output, SourceLines(()), "has y")
    assert message in found.message and found.severity == "error"


def test_what_was_compiled_for_linux():
    assert "__printf_chk is glibc's" in for_linux("x.c:3: undefined reference to `__printf_chk'")
    assert for_linux("x.c:3: undefined reference to `printf_mine'") == ""


def test_make_sees_what_changed(folder, tmp_path):
    """The copy's times, judged by make itself."""
    if not shutil.which("make"):
        pytest.skip("needs make")
    (folder / "Makefile").write_text("prog: a.c\n\tcp a.c prog\n")
    place = tmp_path / "copy"
    place.mkdir()
    for text in ("one", "two"):
        (folder / "a.c").write_text(text)
        mirror(folder, list_sources(folder), place)
        assert os.system(f"make -s -C {place}") == 0
        assert (place / "prog").read_text() == text
