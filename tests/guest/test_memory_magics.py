"""Looking inside a guest from a notebook's cells: what they show, and what a mistake says."""

import pytest
from capabilities import need
from test_magics_session import session  # noqa: F401 - a fixture

PROGRAM = """%%rumpbuild losing --heap-calls
#include <stdio.h>
#include <stdlib.h>
struct point { int x, y; } points[2] = { { 1, 2 }, { 3, 4 } };
void *volatile sink;
int main(void)
{
    sink = malloc(500);
    free(sink);
    sink = malloc(7000);
    sink = NULL;
    puts("up");
    fflush(stdout);
    getchar();
}
"""


@pytest.fixture
def booted(session):  # noqa: F811
    need("compiler")
    session.run(PROGRAM)
    session.run("guest = %rumpboot losing --background --wait up")
    return session


def test_cells_show_variables_tables_and_leaks(booted):
    table, _ = booted.run("guest.vars['points'].df")
    assert table["y"].tolist() == [2, 4]
    _, said = booted.run("guest.vars['points'][1]")
    assert ".x = (int)3" in said
    leaks, said = booted.run("guest.memory.leaks()")
    assert len(leaks) == 1 and "main (losing.c:" in said
    _, said = booted.run("guest.files")
    assert "losing: 3 open files" in said


@pytest.mark.parametrize(("line", "message"), [
    ("guest.vars['point']", "did you mean points"),
    ("guest.vars['points'][5]", "its elements are 0 to 1"),
    ("guest.files.find(40)", "descriptor 40 is not open"),
    ("guest.memory.read(0, 4)", "address 0x0 of the guest is not mapped"),
])
def test_a_mistake_in_a_cell_is_one_message(booted, line, message):
    result, said = booted.fail(line)
    assert not result.success and message in said and "Traceback" not in said
