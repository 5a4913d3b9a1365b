"""The memory of packaged programs with several processes, and glibc's heap."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from capabilities import need
from known_guest import until_it_waits

from kernel_magics import Lab
from kernel_magics.errors import UsageError

pytestmark = pytest.mark.guest

SIZES, LOST = (5000, 100), 4
PROGRAM = f"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
void *kept[6];
__attribute__((noinline)) static void lose(void)
{{
    for (int i = 0; i < {LOST}; i++)
        memset(malloc({SIZES[0]}), 'L', {SIZES[0]});
}}
int main(int count, char **arguments)
{{
    void *volatile freed[4];
    lose();
    for (int i = 0; i < 6; i++)
        kept[i] = malloc({SIZES[1]});
    for (int i = 0; i < 4; i++)
        freed[i] = malloc({SIZES[1]});
    for (int i = 0; i < 4; i++)
        free(freed[i]);
    if (fork() == 0) {{
        kept[0] = "the child's";
        for (;;)
            pause();
    }}
    write(1, "up\\n", 3);
    for (;;)
        pause();
}}
"""


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    need("compiler", "qemu", "debian")
    folder = tmp_path_factory.mktemp("program")
    (folder / "losing.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-O1", "-o", folder / "losing", folder / "losing.c"], check=True)
    with Lab(driver="qemu") as lab:
        image = lab.package("dash", "losing", argv=["/losing", "one"],
                            files={"/losing": Path(folder / "losing")})
        booted = lab.boot(image, memory_mib=64)
        booted.console.expect("up", 60)
        until_it_waits(booted)
        booted.pause()
        yield booted


def test_each_process_has_its_own_map(guest: Any) -> None:
    parent, child = guest.processes
    assert (parent.pid, child.parent) == (1, 1) and parent.page_table != child.page_table
    assert guest.processes.arguments(child.pid) == ["/losing", "one"]
    table = guest.memory.map
    for process in (parent, child):
        own = table[table["pid"] == process.pid]
        files = {detail.split(" + ")[0] for detail in own["detail"] if detail}
        assert "/losing" in files and any("libc.so.6" in name for name in files)
        assert {"stack", "heap", "file"} <= set(own["kind"])
    code = table[(table["pid"] == 1) & (table["permissions"] == "r-x")].iloc[0]
    assert guest.memory.read(int(code["start"]), 64, pid=1) == \
        guest.memory.read(int(code["start"]), 64, pid=child.pid)


def test_glibcs_blocks_and_what_leaked(guest: Any) -> None:
    heap = guest.memory.heap
    blocks = heap.df["size_bytes"]
    assert ((blocks >= SIZES[0]) & (blocks < SIZES[0] + 32)).sum() == LOST
    assert ((blocks >= SIZES[1]) & (blocks < SIZES[1] + 16)).sum() == 6  # not those freed
    assert not heap.problems
    leaks = guest.memory.leaks()
    assert len(leaks) == LOST and set(leaks.df["begins"]) == {"L" * 16}


def test_a_process_sees_its_own_pointers(guest: Any) -> None:
    child = guest.processes[1].pid
    assert len(guest.memory.leaks(pid=child)) == LOST + 1  # it overwrote one
    assert "blocks" in repr(guest.memory.heap_of(child))
    with pytest.raises(UsageError, match="there is no process 99"):
        guest.memory.leaks(pid=99)


def test_the_runtimes_variables_are_there_without_a_program(guest: Any) -> None:
    assert "no variables of a program" in repr(guest.vars)
    assert guest.vars["kern_processes"].pid == guest.processes[1].pid
