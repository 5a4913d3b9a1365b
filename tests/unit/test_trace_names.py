"""Names of hypercalls' numbers, held against NetBSD's own headers where a toolchain has them."""

import re
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.boot import abi
from kernel_magics.places import images_dir
from kernel_magics.trace.calls.constants import DECODERS, rumpuser_error_name
from kernel_magics.trace.calls.hypercalls import HYPERCALLS
from kernel_magics.trace.calls.rumpuser_names import NETBSD_ERRORS, RUMPUSER_CHOICES, RUMPUSER_FLAGS

CALLS = {call.name: call for call in HYPERCALLS}


def test_errors_equal_netbsds_header():
    need("rumprun")
    from kernel_magics.build.rumprun import find_rumprun

    header = find_rumprun().prefix / "rumprun-x86_64" / "include" / "sys" / "errno.h"
    told = {int(number): name for name, number in
            re.findall(r"^#define\s+(E\w+)\s+(\d+)\s", Path(header).read_text(), re.MULTILINE)
            if name != "ELAST"}
    assert told == NETBSD_ERRORS


def test_errors_of_our_own_interface_have_these_numbers():
    text = (images_dir() / "rumpkit" / "include" / "rumpuser.h").read_text()
    ours = dict(re.findall(r"RUMPUSER_(E\w+) = (\d+)", text))
    assert len(ours) > 10
    assert all(NETBSD_ERRORS[int(number)] == name for name, number in ours.items())


@pytest.mark.parametrize("key", [*RUMPUSER_CHOICES, *RUMPUSER_FLAGS])
def test_each_named_argument_is_one_that_is_recorded(key):
    call, argument = key
    names = [one.name for one in CALLS[call].arguments]
    number = [one.name for one in abi.HYPERCALLS].index(call)
    assert argument in names[:abi.HYPERCALLS[number].arguments]


@pytest.mark.parametrize(("key", "value", "text"), [
    (("rumpuser_curlwpop", "operation"), 2, "RUMPUSER_LWP_SET"),
    (("rumpuser_curlwpop", "operation"), 9, "9"),
    (("rumpuser_mutex_init", "flags"), 3, "RUMPUSER_MTX_SPIN|RUMPUSER_MTX_KMUTEX"),
    (("rumpuser_rw_enter", "kind"), 1, "RUMPUSER_RW_WRITER"),
    (("rumpuser_open", "mode"), 0, "0"), (("rumpuser_open", "mode"), 0x15,
                                          "RUMPUSER_OPEN_WRONLY|RUMPUSER_OPEN_CREATE|"
                                          "RUMPUSER_OPEN_BIO"),
    (("rumpuser_exit", "status"), (1 << 64) - 1, "RUMPUSER_PANIC"),
    (("rumpuser_seterrno", "error"), 22, "EINVAL"),
    (("rumpuser_putchar", "character"), 104, "'h'"),
    (("rumpuser_putchar", "character"), 10, r"'\n'")])
def test_numbers_have_names(key, value, text):
    assert DECODERS[key](value) == text


def test_errors_have_names_and_other_results_do_not():
    assert [rumpuser_error_name(number) for number in (0, 2, 78, 96, 97, -2)] == \
        ["", "ENOENT", "ENOSYS", "EPROTO", "", ""]
