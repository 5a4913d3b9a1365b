"""NetBSD's system calls as events: baked in and from outside, with the hypercalls they lead to."""

import re

import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.build.rumprun import find_rumprun
from kernel_magics.build.rumprun.calls import plain_name
from kernel_magics.places import images_dir
from kernel_magics.trace.plan import TracePlan
from kernel_magics.trace.records.events import NAMES

pytestmark = pytest.mark.guest

PROGRAM = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
	char buffer[8];
	int file = open("/tmp/file", O_CREAT | O_RDWR | O_TRUNC, 0640);

	write(file, "hello", 5);
	lseek(file, 1, SEEK_SET);
	read(file, buffer, sizeof(buffer));
	pread(file, buffer, 2, 3);
	open("/nope", O_RDONLY | O_NONBLOCK);
	socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	kqueue();
	munmap(mmap(NULL, 4096, PROT_READ, MAP_ANON | MAP_PRIVATE, -1, 0), 4096);
	unlink("/tmp/file");
	close(file);
	return close(77) < 0 ? errno : 0;
}
"""
TOLD = [
    'open(pathname="/tmp/file", flags=O_RDWR|O_CREAT|O_TRUNC, mode=0640) = 3</tmp/file>',
    "write(fd=3</tmp/file>, buf=…, count=5) = 5",
    "lseek(fd=3</tmp/file>, offset=1, whence=SEEK_SET) = 1",
    "read(fd=3</tmp/file>, buf=…, count=8) = 4",
    "pread64(fd=3</tmp/file>, buf=…, count=2, offset=3) = 2",
    'open(pathname="/nope", flags=O_RDONLY|O_NONBLOCK) = -1 ENOENT',
    "socket(domain=AF_INET6, type=SOCK_STREAM|SOCK_CLOEXEC, protocol=0) = 4<socket AF_INET6>",
    "kqueue() = 5<kqueue>",
    "mmap(addr=0, length=4096, prot=PROT_READ, flags=MAP_PRIVATE|MAP_ANON, fd=-1, offset=0) = …",
    "munmap(addr=…, length=4096) = 0",
    'unlink(pathname="/tmp/file") = 0',
    "close(fd=3</tmp/file>) = 0",
    "close(fd=77) = -1 EBADF",
]


@pytest.fixture(scope="module")
def lab():
    need("qemu", "rumprun", "compiler")
    with Lab(driver="qemu") as lab:
        yield lab


@pytest.fixture(scope="module", params=[True, False], ids=["baked", "outside"])
def guest(request, lab):
    image = lab.build(PROGRAM, "calling", kit="rumprun", trace=request.param)
    guest = lab.boot(image, memory_mib=64, trace=TracePlan(["syscalls", "hypercalls"]))
    assert guest.wait(60) == 9  # EBADF
    return guest


def test_they_are_told_in_netbsds_words(guest):
    trace = guest.trace.recording
    table = trace.df[trace.df["group"] == "syscall"]
    lines = [re.sub(r"(?<=[=( ])(buf|addr)=(0x\w+|&[^,)]+)(?=[,)])", r"\1=…", line)
             for line in map(trace.decoder.text, table.itertuples())]
    lines = [re.sub(r"(?<=offset=0\) = )\d{5,}", "…", line) for line in lines]
    first = lines.index(TOLD[0])
    assert lines[first:first + len(TOLD)] == TOLD


def test_hypercalls_are_within_the_calls_that_lead_to_them(guest):
    nested = guest.trace.nested
    calls = nested[(nested["group"] == "syscall") & (nested["kind"] == "call")]
    inside = nested[nested["parent"].isin(calls["sequence"]) & (nested["group"] == "hypercall")]
    assert len(inside) > 100 and (inside["depth"] > 0).all()
    assert {"rumpuser_curlwpop", "rumpuser_mutex_enter"} <= set(inside["event"].astype(str))
    assert (calls["self_ns"] <= calls["duration_ns"]).all()


def test_the_table_has_netbsds_numbers():
    need("rumprun")
    header = find_rumprun().prefix / "rumprun-x86_64" / "include" / "sys" / "syscall.h"
    netbsd = {int(number): plain_name(name) for name, number in
              re.findall(r"#define\s+SYS_(\w+)\s+(\d+)", header.read_text())}
    table = (images_dir() / "rumprun" / "trace_netbsd.h").read_text()
    rows = [tuple(map(int, row)) for row in
            re.findall(r"CALL\((\d+), (\d+), (\d+), (\d+)\)", table)]
    assert len(rows) > 200 and len({event for _, event, _, _ in rows}) == len(rows)
    for number, event, _, _ in rows:
        named = NAMES[512 + event].removeprefix("netbsd_").removesuffix("64")
        assert named == netbsd[number], number
