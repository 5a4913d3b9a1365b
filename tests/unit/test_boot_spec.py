"""BootSpec, the configuration it becomes, and the two ways to ask a machine for it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kernel_magics.boot.hypervisor.commandline import qemu_arguments
from kernel_magics.boot.hypervisor.domain import domain_xml
from kernel_magics.boot.registry import GuestFiles
from kernel_magics.boot.spec import (
    BootSpec,
    Launch,
    check_guest_name,
    configuration,
    guest_name_of,
    render,
)
from kernel_magics.errors import UsageError

NAMESPACE = {"qemu": "http://libvirt.org/schemas/domain/qemu/1.0"}
AWKWARD = 'quotes " and \' and <&> and, commas and\nlines \\ ü €'


def launch(**changes) -> Launch:
    facts = {"name": "hello", "uuid": "7f2c8f5e-3b1a-4c55-9a83-3d3d6f2f9a01",
             "kernel": "/images/hello.elf", "configuration": '{"a":"b"}', "memory_mib": 32,
             "machine": "microvm", "accel": "tcg", "cpu": "max",
             "files": GuestFiles(Path("/run/lab/guests/hello"))}
    return Launch(**{**facts, **changes})


def text(spec: BootSpec, tsc_hz: int = 0) -> str:
    return render(configuration(spec.check().with_image("hello"), "hello", tsc_hz, 12345))


def test_configuration_is_an_ordered_list_with_repeated_keys():
    spec = BootSpec(argv=("hello", "a b"), env={"A": "1", "B": "2"}, trace="all")
    pairs = json.loads(text(spec, 2_500_000_000), object_pairs_hook=list)
    assert [key for key, _ in pairs] == ["rc", "env", "env", "hostname", "lab"]
    assert dict(pairs[0][1][0]) == {"bin": "hello", "argv": ["hello", "a b"]}
    assert [value for key, value in pairs if key == "env"] == ["A=1", "B=2"]
    assert dict(pairs[4][1]) == {"tsc_hz": 2_500_000_000, "epoch_ns": 12345, "trace": "all",
                                 "trace_records": 4096, "on_panic": "exit"}


def test_what_is_left_open_is_the_image_name():
    spec = BootSpec().with_image("hello")
    assert (spec.argv, spec.hostname) == (("hello",), "hello")
    assert BootSpec(name="web", argv=("a",)).with_image("hello").hostname == "web"


def test_awkward_text_survives_both_ways_to_the_guest():
    rendered = text(BootSpec(argv=("hello", AWKWARD)))
    arguments = qemu_arguments("/usr/bin/qemu", launch(configuration=rendered))
    assert arguments[arguments.index("-append") + 1] == rendered
    xml = ElementTree.fromstring(domain_xml(launch(configuration=rendered)))
    assert xml.findtext("os/cmdline") == rendered
    assert json.loads(rendered)["rc"][0]["argv"][1] == AWKWARD


@pytest.mark.parametrize("spec, said", [
    (BootSpec(accel="hax"), "accel='hax'"),
    (BootSpec(driver="xen"), "driver='xen'"),
    (BootSpec(machine="isapc"), "machine='isapc'"),
    (BootSpec(trace="everything"), "trace='everything'"),
    (BootSpec(on_panic="reboot"), "on_panic='reboot'"),
    (BootSpec(memory_mib=0), "memory_mib=0"),
    (BootSpec(memory_mib=1.5), "memory_mib=1.5"),
    (BootSpec(memory_mib=True), "memory_mib=True"),
    (BootSpec(trace_records=-1), "trace_records=-1"),
    (BootSpec(argv=("hello", 3)), "argv holds 3"),
    (BootSpec(argv=("a\0b",)), "NUL"),
    (BootSpec(env={"A=B": "1"}), "'A=B'"),
    (BootSpec(env={"": "1"}), "environment variable: ''"),
    (BootSpec(name="../up"), "'../up'"),
])
def test_a_wrong_field_is_named_and_has_a_next_step(spec, said):
    with pytest.raises(UsageError) as caught:
        spec.check()
    assert said in caught.value.message
    assert caught.value.next_step


@pytest.mark.parametrize("name", ["", ".hidden", "-x", "a b", "a/b", "x" * 49, None, 3])
def test_an_invalid_guest_name_is_refused(name):
    with pytest.raises(UsageError, match="not a name for a guest"):
        check_guest_name(name)


@pytest.mark.parametrize("image, guest", [("hello", "hello"), ("my image (2)", "my-image--2"),
                                          ("..", "guest"), ("ü", "guest"), ("x" * 60, "x" * 48)])
def test_a_guest_gets_a_valid_name_from_any_image(image, guest):
    assert check_guest_name(guest_name_of(image)) == guest


def test_a_configuration_too_long_for_a_command_line_is_refused():
    with pytest.raises(UsageError, match=r"has \d+ bytes, it may have 4096"):
        text(BootSpec(argv=("hello", "€" * 1400)))


def test_commas_in_a_path_do_not_split_an_option():
    files = GuestFiles(Path("/run/a,b/hello"))
    arguments = qemu_arguments("qemu", launch(files=files))
    assert any("mem-path=/run/a,,b/hello/ram" in argument for argument in arguments)


def test_only_a_paused_launch_starts_paused():
    assert "-S" not in qemu_arguments("qemu", launch())
    assert qemu_arguments("qemu", launch(paused=True))[-1] == "-S"


def test_domain_names_its_accelerator_cpu_and_exit_device():
    tcg = ElementTree.fromstring(domain_xml(launch()))
    assert tcg.get("type") == "qemu" and tcg.find("cpu").get("mode") == "maximum"
    kvm = ElementTree.fromstring(
        domain_xml(launch(accel="kvm", cpu="host,-arch-capabilities")))
    assert kvm.get("type") == "kvm" and kvm.find("cpu").get("mode") == "host-passthrough"
    assert kvm.find("cpu/feature").attrib == {"policy": "disable", "name": "arch-capabilities"}
    passed = [arg.get("value") for arg in tcg.findall("qemu:commandline/qemu:arg", NAMESPACE)]
    assert "isa-debug-exit,iobase=0x501,iosize=4" in passed


def test_a_domain_without_shared_files_has_a_console_of_libvirts():
    xml = ElementTree.fromstring(domain_xml(launch(), with_files=False))
    assert xml.find("devices/serial").get("type") == "pty"
    assert xml.find("memoryBacking") is None
    passed = [arg.get("value") for arg in xml.findall("qemu:commandline/qemu:arg", NAMESPACE)]
    assert not any("chardev" in argument for argument in passed)

