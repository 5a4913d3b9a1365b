"""Every clause of the hypercall contract, run on bare metal under QEMU."""

import re
import subprocess
from pathlib import Path

import pytest

from kernel_magics.boot.devices.disks import Disk
from kernel_magics.places import images_dir

HERE = Path(__file__).parent
# The layers below the seam: what a host of rumpuser is made of here.
HOST_LAYERS = ("arch", "bmk", "rumpuser", "lib")
COMPILE = [
    "gcc", "-std=gnu11", "-O2", "-g", "-ffreestanding", "-fno-pic", "-mno-red-zone",
    "-mgeneral-regs-only", "-fno-omit-frame-pointer", "-fno-stack-protector",
    "-fcf-protection=none", "-Wall", "-Wextra", "-Werror", "-nostdinc",
]


def build(out: Path) -> Path:
    """Link the cases with the host layers into a guest image; return its path."""
    runtime = images_dir() / "rumpkit"
    subprocess.run(["make", "-s", "-C", runtime, f"OUT={out}"], check=True,
                   stdout=subprocess.DEVNULL)
    headers = subprocess.check_output(["gcc", "-print-file-name=include"], text=True).strip()
    objects = []
    for source in sorted(HERE.glob("*.c")):
        objects.append(out / f"case_{source.stem}.o")
        subprocess.run(
            [*COMPILE, "-isystem", headers, f"-I{runtime / 'include'}",
             "-c", source, "-o", objects[-1]],
            check=True,
        )
    image = out / "contract.elf"
    subprocess.run(
        ["gcc", "-static", "-no-pie", "-nostdlib", f"-Wl,-T,{runtime / 'link.ld'}", "-o", image,
         *objects, *(out / f"{layer}.o" for layer in HOST_LAYERS)],
        check=True,
    )
    return image


def disk(path: Path, **properties: bool) -> Disk:
    """Make an image of one MiB, in which each sector begins with its number."""
    path.write_bytes(b"".join(number.to_bytes(512, "little") for number in range(2048)))
    return Disk(path, **properties)


@pytest.mark.guest
def test_bare_metal_keeps_every_clause(lab, tmp_path):
    disks = [disk(tmp_path / "disk.img"), disk(tmp_path / "fixed.img", read_only=True)]
    guest = lab.boot(build(tmp_path), name="contract", memory_mib=32, disks=disks)
    status = guest.wait(timeout=60)
    text = guest.console.text
    clauses = {
        clause
        for source in HERE.glob("*.c")
        for clause in re.findall(r'\{ "([A-Z]\d+ [^"]+)"', source.read_text())
    }
    kept = {line[3:] for line in text.splitlines() if line.startswith("ok ")}
    assert kept == clauses, text
    assert status == 0, text
