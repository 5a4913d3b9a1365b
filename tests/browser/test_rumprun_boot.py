"""Guests of upstream Rumprun in JupyterLab: their console, their report, their programs."""

import pytest
from capabilities import need
from jupyter import expect

pytestmark = [pytest.mark.browser, pytest.mark.guest, pytest.mark.slow, pytest.mark.timeout(900)]

PROGRAM = """%%rumpbuild NAME --kit rumprun
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    char *block = argc > 1 ? malloc(40 << 20) : 0;

    printf("%s has %s\\n", argv[0], block ? "memory" : "none");
    fflush(stdout);
    assert(block || argc == 1);
    return 3;
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_guest_that_ends(opened, written, dark):
    need("rumprun")
    page = opened(written(
        "rumprun_boot", "%load_ext kernel_magics", PROGRAM.replace("NAME", "wants"),
        "guest = %rumpboot wants --memory 64 --background",
        "%%rumpboot wants\nmemory: 64\nargv: [wants, much]", "_.programs"),
        dark=dark, size=(1120, 2600))
    page.run_all()
    boot = page.output("%%rumpboot wants")
    expect(boot).to_contain_text('assertion "block || argc == 1" failed')
    expect(boot).to_contain_text("exited with status 1")
    expect(boot).to_contain_text("give it more memory: memory_mib=128")
    expect(boot).to_contain_text("what its configuration asks for")
    expect(boot.get_by_role("row", name="wants aborted 1")).to_have_count(1)
    expect(page.output("_.programs")).to_contain_text("aborted")
    page.shoot(f"rumprun_boot_{'dark' if dark else 'light'}", boot)
    assert page.errors == []
