"""What upstream leaves out for some programs, which images that the lab bakes have: setjmp on a
stack that is aligned, and the tables by which C++ exceptions are caught.
"""

import subprocess

import pytest
from rumprun_building import build, said, toolchain_lab

from kernel_magics.build.rumprun import find_rumprun
from kernel_magics.build.rumprun.toolchain import QUIET
from kernel_magics.errors import GuestPanic

pytestmark = pytest.mark.guest

JUMPS = r"""
#include <setjmp.h>
#include <stdio.h>
static jmp_buf place;
static sigjmp_buf other;
int main(void)
{
	volatile int times = 0;
	printf("setjmp %d\n", setjmp(place));
	if (times++ < 2)
		longjmp(place, 10 * times);
	if (!sigsetjmp(other, 1))
		siglongjmp(other, 1);
	puts("jumped");
	return 0;
}
"""
THROWS = r"""
#include <cstdio>
#include <stdexcept>
#include <thread>
struct Held { ~Held() { std::puts("released"); } };
static void deep(int more) { Held held; if (!more) throw std::out_of_range("far"); deep(more - 1); }
static void try_it(const char *who)
{
	try {
		deep(1);
	} catch (const std::logic_error &error) {
		std::printf("%s %s\n", who, error.what());
	}
}
int main() { try_it("main"); std::thread other(try_it, "thread"); other.join(); return 0; }
"""


lab = toolchain_lab()


@pytest.fixture(scope="module")
def throws(lab):
    if find_rumprun().cxx is None:
        pytest.skip("needs a toolchain with C++")
    return build(lab, THROWS, "throws", lang="c++", ldflags="-lpthread")


def baked_by_hand(image, place):
    """The image that rumprun-bake makes of an image's program when a user runs it."""
    subprocess.run([find_rumprun().bake, "hw_virtio", place, image.baked.programs[0].file],
                   check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", **QUIET})
    return place


@pytest.mark.parametrize("trace", [False, True])
def test_setjmp(lab, trace):
    image = build(lab, JUMPS, "jumps", trace=trace)
    assert image.baked.mended == ("setjmp",) and image.baked.line().endswith(", setjmp mended")
    lines = said(lab, image)
    assert [line for line in lines if line.startswith(("setjmp", "jumped"))] == [
        "setjmp 0", "setjmp 10", "setjmp 20", "jumped"]


def test_exceptions_are_caught_in_every_thread(lab, throws):
    assert throws.baked.mended == ("C++ exceptions",)
    lines = said(lab, throws)
    assert [line for line in lines if line.endswith("far") or line == "released"] == [
        "released", "released", "main far", "released", "released", "thread far"]


def test_what_needs_no_mending_is_baked_as_upstream_does(lab):
    image = build(lab, "int main(void) { return 0; }", "plain")
    assert not image.baked.mended and "rumplab" not in " ".join(image.baked.command)


def test_a_throw_in_an_image_baked_by_hand_is_explained(lab, throws, tmp_path):
    guest = lab.boot(baked_by_hand(throws, tmp_path / "throws.elf"), memory_mib=64)
    assert guest.wait(60) == 1
    (program,) = guest.programs
    assert program.state == "aborted" and "no tables to unwind the stack" in program.reason


def test_a_setjmp_that_traps_in_an_image_baked_by_hand_is_explained(lab, tmp_path):
    image = build(lab, JUMPS, "jumps")
    guest = lab.boot(baked_by_hand(image, tmp_path / "jumps.elf"), memory_mib=64)
    try:
        assert guest.wait(60) == 0
        pytest.skip("needs a toolchain whose compiler stores aligned vectors in fprintf")
    except GuestPanic as panic:
        assert "takes an address that is a multiple of 16" in panic.report.explanation
        assert "setjmp, longjmp" in panic.report.explanation
