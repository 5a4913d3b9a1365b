"""A guest's consoles as QEMU's arguments, and the window's size as the guest's RAM has it."""

import ctypes
import os
from pathlib import Path

import pytest

from kernel_magics.boot import abi
from kernel_magics.boot.console.devices import (
    AUTOMATIC,
    ONLY_SERIAL,
    console_arguments,
    console_kind,
)
from kernel_magics.boot.console.input import ring
from kernel_magics.boot.console.window import ConsoleWindow, WindowSize
from kernel_magics.boot.devices.devices import MACHINES, Devices, place
from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.guest_files import GuestFiles
from kernel_magics.boot.header import HeaderReader
from kernel_magics.boot.network.network import parse_network
from kernel_magics.boot.ram import MappedRam
from kernel_magics.boot.spec import BootSpec, configuration
from kernel_magics.errors import GuestError, UsageError

FILES = GuestFiles(Path("/run/a,b/hello"))


def after(option: str, given: list[str]) -> list[str]:
    return [given[at + 1] for at, word in enumerate(given) if word == option]


@pytest.mark.parametrize("machine", MACHINES)
def test_both_consoles_write_to_one_log_and_each_reads_a_pipe_of_its_own(machine):
    given = console_arguments(FILES, AUTOMATIC, Devices(machine))
    serial, window, console = after("-chardev", given)
    log = "logfile=/run/a,,b/hello/console.log,logappend=on"
    assert serial == f"pipe,id=serial,path=/run/a,,b/hello/serial,{log}"
    assert console == f"pipe,id=console,path=/run/a,,b/hello/console,{log}"
    assert window == "pipe,id=window,path=/run/a,,b/hello/window"
    first, bell, bus, port = after("-device", given)
    assert (first, bell) == ("isa-serial,chardev=serial", "isa-serial,chardev=window,index=1")
    assert port == "virtconsole,chardev=console,bus=consoles.0"
    assert bus.startswith("virtio-serial-") and "max_ports=1" in bus


@pytest.mark.parametrize("machine", MACHINES)
def test_the_virtio_console_has_a_place_that_no_other_device_has(machine):
    taken = [place(machine, slot) for slot in range(7)]
    bus = after("-device", console_arguments(FILES, AUTOMATIC, Devices(machine)))[2]
    facts = dict(fact.split("=") for fact in bus.split(",")[1:])
    assert {key: facts[key] for key in taken[0]} not in taken


def test_modern_virtio_is_asked_for_once():
    alone = console_arguments(FILES, AUTOMATIC, Devices("microvm"))
    assert after("-global", alone) == ["virtio-mmio.force-legacy=false"]
    among = Devices("microvm", network=parse_network("user"))
    assert after("-global", console_arguments(FILES, AUTOMATIC, among)) == []
    assert after("-global", console_arguments(FILES, AUTOMATIC, Devices("q35"))) == []


def disks(count: int) -> tuple[Disk, ...]:
    return tuple(Disk(Path(f"/d/{number}.img")) for number in range(count))


@pytest.mark.parametrize(("kit", "devices", "shared", "kind"), [
    ("rumpkit", Devices("microvm"), True, AUTOMATIC),
    ("", Devices("microvm"), True, ONLY_SERIAL),
    ("rumprun", Devices("pc"), True, ONLY_SERIAL),
    ("rumpkit", Devices("q35"), False, ONLY_SERIAL),
    ("rumpkit", Devices("microvm", disks=disks(7)), True, AUTOMATIC),
    ("rumpkit", Devices("microvm", disks=disks(8)), True, ONLY_SERIAL),
    ("rumpkit", Devices("q35", disks=disks(8)), True, AUTOMATIC)])
def test_who_gets_a_virtio_console(kit, devices, shared, kind):
    assert console_kind(kit, devices, shared) == kind


def test_the_guest_is_told_of_its_consoles_and_of_a_terminal():
    def lab(spec: BootSpec, console: str) -> dict:
        return dict(configuration(spec.with_image("hello"), "hello", 0, 1, console=console))["lab"]

    assert not {"console", "terminal"} & set(lab(BootSpec(), ONLY_SERIAL))
    found = lab(BootSpec(terminal=True), AUTOMATIC)
    assert (found["console"], found["terminal"]) == ("auto", "on")


def test_a_terminal_has_a_name_that_the_user_may_change():
    assert "TERM" not in BootSpec().with_image("x").env
    assert BootSpec(terminal=True).with_image("x").env["TERM"] == "xterm-256color"
    assert BootSpec(terminal=True, env={"TERM": "vt100"}).with_image("x").env["TERM"] == "vt100"


# The window


@pytest.fixture
def window(tmp_path):
    """A guest's header in RAM and the window it tells of."""
    ram = MappedRam(tmp_path / "ram", create_bytes=1 << 16)
    header = abi.Header.from_buffer(ram.mapping, 4096)
    header.magic, header.version = abi.MAGIC, abi.ABI_VERSION
    header.header_bytes = ctypes.sizeof(abi.Header)
    os.mkfifo(tmp_path / "bell")
    return header, ConsoleWindow(HeaderReader(ram, 4096), tmp_path / "bell", "guest")


def test_a_size_is_packed_as_the_guest_reads_it(window):
    header, told = window
    assert told.size() is None
    assert told.resize(WindowSize(24, 80, 640, 480)) is True
    assert header.console_window == 24 | 80 << 16 | 640 << 32 | 480 << 48
    assert told.size() == WindowSize(24, 80, 640, 480)
    assert told.resize(WindowSize(24, 80, 640, 480)) is False
    header.console_window = 24  # a guest that writes there itself
    assert told.size() is None


def test_the_bell_rings_for_who_listens_and_is_silent_for_who_does_not(window):
    _, told = window
    listener = os.open(told.bell, os.O_RDONLY | os.O_NONBLOCK)
    try:
        told.resize(WindowSize(25, 80))
        assert os.read(listener, 10) == b"\n"
        for _ in range(70_000):  # more than a pipe holds
            ring(told.bell)
    finally:
        os.close(listener)
    ring(told.bell)
    ring(told.bell.with_name("nowhere"))


def test_an_older_guest_and_one_without_a_header_cannot_be_told(window):
    header, told = window
    header.header_bytes = abi.Header.console_window.offset
    for one in (told, ConsoleWindow(None, told.bell, "guest")):
        assert one.size() is None
        with pytest.raises(GuestError, match="guest cannot be told the size"):
            one.resize(WindowSize(24, 80))


def test_a_size_beyond_16_bits_is_refused():
    with pytest.raises(UsageError, match="columns=65536"):
        WindowSize(24, 65536).check()
