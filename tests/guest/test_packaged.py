"""The runtime without a program of its own: one from an archive is mapped and started."""

import json
import subprocess
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.boot.hypervisor.commandline import EXIT_DEVICE
from kernel_magics.places import images_dir

pytestmark = pytest.mark.guest

# The loader that the program names, from Debian's package musl.
LOADER = Path("/lib/ld-musl-x86_64.so.1")

PROGRAM = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char big[300000] = { 1 };  /* data that lies in the file, and zeroes behind it */
static char zeroes[300000];

int main(int argc, char **argv)
{
    char text[64] = "";
    struct stat status;
    int file = open("/etc/greeting", O_RDWR);

    printf("%s %s %d %d\n", argv[0], argv[argc - 1], big[0] + big[299999], zeroes[299999]);
    read(file, text, sizeof text);
    fstat(file, &status);
    printf("%s %ld\n", text, (long)status.st_size);
    pwrite(file, "H", 1, 0);
    char *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    printf("%.5s %d\n", map, map[4095]);
    readlink("/etc/link", text, sizeof text);
    printf("%.8s %s\n", text, access("/tmp", W_OK) ? "no /tmp" : "has /tmp");
    return 5;
}
"""


def entry(name: str, mode: int, data: bytes = b"") -> bytes:
    """Return one record of a cpio archive in the new ASCII format, cpio(5)."""
    encoded = name.encode() + b"\0"
    fields = [1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    return header + b"\0" * (-len(header) % 4) + data + b"\0" * (-len(data) % 4)


def archive(program: bytes) -> bytes:
    return b"".join([
        entry("bin", 0o40755),
        entry("bin/program", 0o100755, program),
        entry("lib", 0o40755),
        entry(str(LOADER)[1:], 0o100755, LOADER.read_bytes()),
        entry("etc", 0o40755),
        entry("etc/greeting", 0o100644, b"hello"),
        entry("etc/link", 0o120777, b"greeting"),
        entry("TRAILER!!!", 0),
    ])


@pytest.fixture(scope="module")
def runtime_image(tmp_path_factory) -> Path:
    """Link the runtime alone."""
    out = tmp_path_factory.mktemp("packaged")
    source = images_dir() / "rumpkit"
    subprocess.run(["make", "-s", "-C", source, f"OUT={out}"], check=True,
                   stdout=subprocess.DEVNULL)
    image = out / "packaged.elf"
    subprocess.run(["gcc", "-static", "-no-pie", "-nostdlib", f"-Wl,-T,{source / 'link.ld'}",
                    "-Wl,--defsym=__real_main=0", "-o", image, out / "rumpkit.o"], check=True)
    return image


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> bytes:
    """Compile a dynamic, position-independent program as Linux would start it."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.c").write_text(PROGRAM)
    subprocess.run(["musl-gcc", "-pie", "-fPIE", "-O2", "-o", folder / "program",
                    folder / "program.c"], check=True, cwd=folder)
    return (folder / "program").read_bytes()


def run(image: Path, contents: bytes, path: str = "/bin/program") -> tuple[int, str]:
    """Boot the runtime with an archive; return its exit status and console."""
    need("qemu")
    initrd = image.parent / "archive.cpio"
    initrd.write_bytes(contents)
    config = {"rc": [{"bin": path, "argv": ["program", "an argument"]}]}
    done = subprocess.run(
        ["qemu-system-x86_64", "-M", "microvm,rtc=on", "-accel", "tcg", "-cpu", "max", "-m", "32",
         "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
         "-device", EXIT_DEVICE, "-kernel", image, "-initrd", initrd,
         "-append", json.dumps(config)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode >> 1, done.stdout


def test_a_program_of_the_archive_runs_as_on_linux(runtime_image, program):
    status, text = run(runtime_image, archive(program))
    assert text.splitlines() == [
        "program an argument 1 0", "hello 5", "Hello 0", "greeting has /tmp"]
    assert status == 5


def test_a_missing_program_is_named(runtime_image, program):
    status, text = run(runtime_image, archive(program), "/bin/nothing")
    assert status == 127
    assert "cannot start /bin/nothing: no such file" in text


@pytest.mark.parametrize("damage", [lambda data: data[:4], lambda data: b"text\n" * 20,
                                    lambda data: data[:40] + b"\xff" * 16 + data[56:]])
def test_a_file_that_is_no_program_is_refused(runtime_image, program, damage):
    status, text = run(runtime_image, archive(damage(program)))
    assert status == 126
    assert "cannot start /bin/program: not a program" in text


def test_a_script_without_its_interpreter_names_it(runtime_image):
    status, text = run(runtime_image, archive(b"#!/bin/sh\nexit 3\n"))
    assert status == 127
    assert "the script's interpreter /bin/sh is not there" in text


def test_an_archive_that_ends_too_early_is_reported(runtime_image, program):
    status, text = run(runtime_image, archive(program)[:-100])
    assert "archive is damaged or ends too early" in text
    assert status == 5  # what was whole is there
