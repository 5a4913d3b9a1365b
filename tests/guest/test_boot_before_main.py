"""What a guest does before its program: little, since under TCG all of it is translated first."""

from collections.abc import Iterator

import pytest

from kernel_magics import Lab
from kernel_magics.build.image import GuestImage

pytestmark = pytest.mark.guest

# Says its arguments, one a line, and whether it was given random bytes that are not all alike.
SOURCE = r"""
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
int main(int argc, char **argv) {
	const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
	for (int i = 1; i < argc; i++) puts(argv[i]);
	return !random || !memcmp(random, random + 1, 15);
}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(driver="qemu") as lab:
        yield lab


@pytest.fixture(scope="module")
def image(lab: Lab) -> GuestImage:
    return lab.build(SOURCE, name="before")


def test_no_page_is_faulted_in_before_main(lab: Lab, image: GuestImage) -> None:
    guest = lab.boot(image, trace="all")
    assert guest.wait(timeout=60) == 0
    table = guest.trace.df
    phases = table[table["event"] == "phase"]
    main = guest.trace.decoded(phases).str.contains("phase=main")
    before = table[table["time_ns"] < phases.loc[main, "time_ns"].iloc[0]]
    assert "page_fault" not in set(before["event"])
    assert (before["group"] == "hypercall").sum() < 20


@pytest.mark.parametrize("memory_mib", [2, 32])
def test_arguments_that_look_like_configuration_are_none(lab: Lab, image: GuestImage,
                                                         memory_mib: int) -> None:
    argv = ["before", '{"lab":{"terminal":"on","on_panic":"halt"}}', "}", '"net":{', "[", "\\u007b"]
    guest = lab.boot(image, argv=argv, memory_mib=memory_mib)
    assert guest.wait(timeout=60) == 0
    # A terminal would have put a CR before each LF, a network's name a line about it.
    assert guest.console.text == "\n".join(argv[1:]) + "\n"
