"""A guest without factions that does to its devices what a list of steps says.

It is built from `devices/*.c` and the layers below the hypercalls, and started with QEMU's
own arguments, so that each kind of device can be had on each machine.
"""

import functools
import json
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from kernel_magics.boot.hypervisor.commandline import EXIT_DEVICE
from kernel_magics.places import images_dir

__all__ = ["MACHINES", "command", "device", "image", "run"]

_FOLDER = tempfile.TemporaryDirectory(prefix="device-guest-")
HERE = Path(__file__).parent / "devices"
LAYERS = ("arch", "bmk", "rumpuser", "lib")
COMPILE = [
    "gcc", "-std=gnu11", "-O2", "-g", "-ffreestanding", "-fno-pic", "-mno-red-zone",
    "-mgeneral-regs-only", "-fno-omit-frame-pointer", "-fno-stack-protector",
    "-fcf-protection=none", "-Wall", "-Wextra", "-Werror", "-nostdinc",
]
STATUS_DONE = 42  # of devices/steps.c
MICROVM = ["-M", "microvm,rtc=on,acpi=off"]
MACHINES = {
    "microvm": [*MICROVM, "-global", "virtio-mmio.force-legacy=false"],
    "legacy": MICROVM,
    "q35": ["-M", "q35"],
    "pc": ["-M", "pc"],
}


@functools.cache
def image() -> Path:
    """Compile the steps, link them with the layers into an image, return its path."""
    out = Path(_FOLDER.name)
    runtime = images_dir() / "rumpkit"
    layers = [out / f"{layer}.o" for layer in LAYERS]
    subprocess.run(["make", "-s", "-C", runtime, f"OUT={out}", *layers], check=True,
                   stdout=subprocess.DEVNULL)
    headers = subprocess.check_output(["gcc", "-print-file-name=include"], text=True).strip()
    objects = []
    for source in sorted(HERE.glob("*.c")):
        objects.append(out / f"steps_{source.stem}.o")
        subprocess.run([*COMPILE, "-isystem", headers, f"-I{runtime / 'include'}", "-c", source,
                        "-o", objects[-1]], check=True)
    elf = out / "devices.elf"
    subprocess.run(["gcc", "-static", "-no-pie", "-nostdlib", f"-Wl,-T,{runtime / 'link.ld'}",
                    "-o", elf, *objects, *layers], check=True)
    return elf


def device(machine: str, kind: str, **properties: object) -> list[str]:
    """Return QEMU's arguments for a virtio device, as the machine's bus wants it."""
    pci = machine in ("q35", "pc")
    if pci and kind == "net":
        properties["romfile"] = ""
    facts = ",".join(f"{name}={value}" for name, value in properties.items())
    return ["-device", f"virtio-{kind}-{'pci' if pci else 'device'},{facts}"]


def command(elf: Path, machine: str, steps: Iterable[str], *arguments: object,
            memory_mib: int = 32) -> list[str]:
    """Return the command line that runs the guest."""
    return [str(part) for part in (
        "qemu-system-x86_64", *MACHINES[machine], "-accel", "tcg", "-cpu", "max",
        "-m", memory_mib, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-serial", "stdio", "-device", EXIT_DEVICE, *arguments, "-kernel", elf,
        "-append", json.dumps({"steps": list(steps)}))]


def run(elf: Path, machine: str, steps: Iterable[str], *arguments: object,
        memory_mib: int = 32, timeout: float = 60) -> list[str]:
    """Run the guest to its end, which has to be orderly; return the lines it printed."""
    done = subprocess.run(command(elf, machine, steps, *arguments, memory_mib=memory_mib),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout)
    assert done.returncode == STATUS_DONE << 1 | 1, (done.returncode, done.stdout, done.stderr)
    return done.stdout.splitlines()
