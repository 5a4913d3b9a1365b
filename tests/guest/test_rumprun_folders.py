"""Folders that CMake, configure or make builds for an installed Rumprun; in guests."""

import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
from rumprun_building import EMPTY, build, said, toolchain_lab, write

from kernel_magics.errors import BuildError, UsageError

pytestmark = pytest.mark.guest


lab = toolchain_lab()


MAKEFILE = "CFLAGS = -Iinclude\nall: one two\none two: lib.o\none.o two.o: include/lib.h\n"


@pytest.fixture
def project(tmp_path):
    text = ('#include <stdio.h>\n#include "lib.h"\n'
            'int main(void) { printf("%s %d\\n", NAME, lib()); }')
    (tmp_path / "include").mkdir()
    return write(tmp_path, Makefile=MAKEFILE, lib__c="int lib(void) { return 42; }",
                 one__c=f'#define NAME "one"\n{text}', two__c=f'#define NAME "two"\n{text}',
                 **{"include/lib__h": "int lib(void);\n"})


def test_a_folder_of_make(lab, project):
    subprocess.run(["make", "-s", "CC=cc", "one"], cwd=project, check=True)  # left lying about
    before = sorted(project.rglob("*"))
    with pytest.raises(UsageError, match="makes 2 programs: one, two"):
        build(lab, project)
    image = build(lab, project, programs="two one")
    assert [one.name for one in image.baked.programs] == ["two", "one"]
    assert sorted(project.rglob("*")) == before  # nothing was written into the user's folder
    lines = said(lab, image)
    assert lines.index("two 42") < lines.index("one 42")  # both define lib()
    assert image.symbols.at(image.symbols.find("rumprun_main1").address)
    assert build(lab, project, programs="two one").cached

    (project / "lib.c").write_text("int lib(void) { return 43; }")
    only = build(lab, project, "only", programs="one")
    assert "one 43" in said(lab, only)
    with pytest.raises(UsageError, match="makes no program 'three'"):
        build(lab, project, programs="three")
    assert build(lab, project, "two").baked.programs[0].name == "two"  # the one called so
    named = build(lab, {"one": project, "last": EMPTY}, "named")
    assert [program.name for program in named.baked.programs] == ["one", "last"]


def test_a_folder_that_does_not_build(lab, project):
    (project / "one.c").write_text("int main(void)\n{\n\treturn nothing;\n}\n")
    with pytest.raises(BuildError, match=r"one\.c:3:16: error: .nothing. undeclared") as caught:
        build(lab, project)
    assert caught.value.diagnostics[0].source_line == "\treturn nothing;"
    write(project, Makefile="all:\n\tgcc -o prog lib.c two.c -Iinclude\n", one__c=EMPTY)
    with pytest.raises(BuildError, match="none of what it made is a program") as caught:
        build(lab, project)
    assert "$(CC)" in caught.value.next_step


def test_a_folder_of_cmake(lab, tmp_path):
    if not shutil.which("cmake"):
        pytest.skip("needs cmake")
    write(tmp_path, CMakeLists__txt="cmake_minimum_required(VERSION 3.10)\nproject(shout C)\n"
          "option(LOUD \"\" OFF)\nif(LOUD)\nadd_definitions(-DEND=\"!\")\nendif()\n"
          "set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_SOURCE_DIR}/bin)\n"
          "add_library(say STATIC say.c)\nadd_executable(shout main.c)\n"
          "target_link_libraries(shout say m)\n",
          say__c="#include <stdio.h>\nvoid say(const char *what) { puts(what); }",
          main__c='#ifndef END\n#define END "."\n#endif\nvoid say(const char *);\n'
                  'int main(void) { say("cmake" END); return 0; }')
    image = build(lab, tmp_path, settings=["-DLOUD=ON"])
    assert image.baked.programs[0].name == "shout" and "cmake!" in said(lab, image)
    code = image.code("rumprun_main1")
    assert "main.c" in str(code)  # the user's file, not its copy
    write(tmp_path, CMakeLists__txt="cmake_minimum_required(VERSION 3.10)\nproject(x C)\n"
                                    "find_package(Nowhere REQUIRED)\n")
    with pytest.raises(BuildError, match=r"CMake says \(CMakeLists.txt:3\).*Nowhere"):
        build(lab, tmp_path)


@pytest.mark.slow
def test_a_folder_of_autoconf(lab, tmp_path):
    if not shutil.which("autoreconf"):
        pytest.skip("needs autoconf")
    write(tmp_path, configure__ac="AC_INIT([counted],[1.2])\nAC_CONFIG_HEADERS([config.h])\n"
          "AC_PROG_CC\nAC_CHECK_FUNCS([kqueue epoll_create])\n"
          "AC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n",
          Makefile__in="CC = @CC@\ncounted: main.c\n\t$(CC) @CFLAGS@ -o $@ $<\n",
          main__c='#include "config.h"\n#include <stdio.h>\nint main(void) {\n'
                  "#if defined HAVE_KQUEUE && !defined HAVE_EPOLL_CREATE\n"
                  'puts("for " PACKAGE_STRING);\n#endif\nreturn 0; }\n')
    with pytest.raises(UsageError, match="nothing says how it is built") as caught:
        build(lab, tmp_path)
    assert "autoreconf --install" in caught.value.next_step
    subprocess.run(["autoreconf"], cwd=tmp_path, check=True, capture_output=True)
    assert "for counted 1.2" in said(lab, build(lab, tmp_path))


def test_a_configure_that_fails(lab, tmp_path):
    write(tmp_path, configure="echo checking\necho 'configure: error: no libfoo'; exit 1\n")
    with pytest.raises(BuildError, match="configure says: no libfoo"):
        build(lab, tmp_path)


def test_only_what_changed_is_compiled_again(lab, project, monkeypatch, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("RUMPLAB_CACHE", str(cache))
    build(lab, project, "inc", programs="one")
    (copy,) = cache.glob("projects/*/source")
    first = {path.name: path.stat().st_mtime_ns for path in copy.glob("*.o")}
    assert set(first) == {"lib.o", "one.o", "two.o"} and not (copy.parent / "busy").exists()
    with pytest.raises(UsageError, match="makes no program"):
        build(lab, project, "inc", programs="three")
    (project / "one.c").write_text((project / "one.c").read_text() + "/* changed */\n")
    image = build(lab, project, "inc", programs="one")
    assert not image.cached
    now = {path.name: path.stat().st_mtime_ns for path in copy.glob("*.o")}
    assert {name for name in now if now[name] != first[name]} == {"one.o"}


def test_an_interrupted_build_begins_anew(lab, project, monkeypatch, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("RUMPLAB_CACHE", str(cache))
    (project / "Makefile").write_text("one: one.c lib.c\n\ttouch began; test -e go || sleep 60\n"
                                      "\t$(CC) -Iinclude -o $@ $^\n")
    pid = os.getpid()

    def interrupt():
        while not list(cache.glob("projects/*/source/began")):
            time.sleep(0.02)
        os.kill(pid, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        build(lab, project, "stopped", programs="one")
    thread.join()
    (project / "go").write_text("")
    build(lab, project, "stopped", programs="one")
    (copy,) = cache.glob("projects/*/source")
    assert not (copy.parent / "busy").exists()


def test_folders_with_blanks_in_their_names(lab, project, monkeypatch, tmp_path_factory):
    place = tmp_path_factory.mktemp("with") / "a blank"
    shutil.copytree(project, place / "in it")
    (place / "in it" / "configure").write_text("echo '# made' > made.mk\n")
    image = build(lab, place / "in it", "blank", system="make", programs="one")
    assert "one 42" in said(lab, image)
    assert "a blank/in it" in str(image.code("rumprun_main1"))
    build(lab, place / "in it", "blank", system="configure", programs="one")
    monkeypatch.setenv("RUMPLAB_CACHE", str(place / "cache"))
    assert "one 42" in said(lab, build(lab, place / "in it", "blank", system="make",
                                       programs="one"))
