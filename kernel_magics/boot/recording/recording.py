"""A recording of a guest's run: everything from outside that it saw, to run it again exactly.

QEMU counts instructions and writes down what came when: interrupts, input, the clock.  The
recording is a folder that holds all that a replay needs, so that it can be kept and moved.
Source: QEMU docs/system/replay.rst, docs/devel/replay.rst.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.guest_files import GuestFiles
from kernel_magics.boot.network.network import Network
from kernel_magics.boot.recording.arguments import EVENTS, START
from kernel_magics.boot.spec import BootSpec, Launch
from kernel_magics.build.image import GuestImage
from kernel_magics.build.kits import Source
from kernel_magics.errors import HostError, UsageError

__all__ = ["Recording", "TSC_HZ", "recordable"]

TSC_HZ = 1_000_000_000
"""A guest whose instructions are counted has a time-stamp counter in nanoseconds."""

FORMAT = 1
_FACTS = "recording.json"
_KERNEL, _IMAGE, _ROOT = "kernel.elf", "image.elf", "root.cpio"
# The header of QEMU's log gets its number at the end only (replay/replay.c): a log without it
# was cut off.
_UNFINISHED = bytes(4)


def recordable(spec: BootSpec) -> BootSpec:
    """Return a spec as a recording needs it: QEMU without libvirt, under TCG.

    Raises UsageError for what cannot be recorded.
    """
    if spec.accel == "kvm":
        raise UsageError("a run under KVM cannot be recorded: nobody counts its instructions",
                         next_step='leave accel= out, or pass accel="tcg"')
    if spec.uri:
        raise UsageError(f"a guest of {spec.uri} cannot be recorded from here",
                         next_step="boot it here: Lab() without a URI")
    devices = spec.devices()
    if devices.disks or devices.shares:
        raise UsageError("a guest with disks or shared folders cannot be recorded: what they "
                         "hold would have to be the same at the replay",
                         next_step="pack the files into its root, or record without them")
    if devices.network:
        # Seen with QEMU 7.2: where packets come to a guest that sleeps, the log has them between
        # two readings of the clock, and not at one of the checkpoints at which a replay's main
        # loop looks for some.  One of eight such logs stops there at each replay, others now
        # and then; stop and cont do not wake it, and the instruction count stays.
        raise UsageError("a guest with a network cannot be recorded: QEMU writes packets that "
                         "come while the guest sleeps where a replay may wait for them for ever",
                         next_step="leave ports= and net= out, and give it its input otherwise")
    return replace(spec, driver="qemu", accel="tcg")


@dataclass(frozen=True)
class Recording:
    """A recording: `folder`, the guest's `name`, and `facts` as recording.json has them."""

    folder: Path
    name: str
    facts: Mapping[str, Any]

    @classmethod
    def create(cls, folder: Path | str, image: GuestImage, launch: Launch,
               spec: Mapping[str, object]) -> "Recording":
        """Make the folder for a run that is about to begin.

        A recording that is there is replaced; raises UsageError if something else is,
        HostError if it cannot be written or qemu-img is missing.
        """
        path = Path(folder).expanduser().absolute()
        if path.exists() and not (path / _FACTS).exists() and (
                not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{path} is there and is no recording", path=path,
                             next_step="give a path that does not exist yet")
        facts = {
            "format": FORMAT, "name": launch.name, "uuid": launch.uuid,
            "configuration": launch.configuration, "memory_mib": launch.memory_mib,
            "machine": launch.machine, "cpu": launch.cpu, "has_root": bool(launch.initrd),
            "has_network": launch.devices.network is not None, "image_name": image.name,
            "kit": image.kit, "header_address": image.header_address,
            "sources": [asdict(source) for source in image.sources], "spec": dict(spec),
            "qemu": "",
        }
        try:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            _copy(Path(launch.kernel), path / _KERNEL)
            _copy(image.path, path / _IMAGE)
            if launch.initrd:
                _copy(Path(launch.initrd), path / _ROOT)
            _make_snapshot_store(path / START, launch.memory_mib)
            (path / _FACTS).write_text(json.dumps(facts))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise HostError(f"cannot write the recording {path}: {reason}", path=path,
                            next_step="give another path, or free some space there") from error
        return cls(path, launch.name, facts)

    @classmethod
    def open(cls, folder: Path | str) -> "Recording":
        """Open a recording; raises UsageError if there is none, or it was cut off."""
        path = Path(folder).expanduser().absolute()
        step = 'make one: lab.boot(…, record="path")'
        try:
            facts = json.loads((path / _FACTS).read_text())
            if facts["format"] != FORMAT:
                raise UsageError(f"the recording {path} has format {facts['format']!r}, this lab "
                                 f"reads {FORMAT}", next_step="record it again", path=path)
            with open(path / EVENTS, "rb") as events:
                begins = events.read(4)
            found = cls(path, str(facts["name"]), facts)
        except FileNotFoundError as error:
            raise UsageError(f"there is no recording at {path}", next_step=step, path=path
                             ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} is no recording, or a damaged one: {error}",
                             next_step=step, path=path) from error
        if len(begins) < 4 or begins == _UNFINISHED:
            raise UsageError(f"the recording {path} has no end: its guest still runs, or its "
                             "QEMU was killed", path=path,
                             next_step="stop the guest first: guest.stop()")
        return found

    def image(self) -> GuestImage:
        """Return the image that ran, with its symbols and sources."""
        found = GuestImage.from_file(self.folder / _IMAGE, str(self.facts["image_name"]))
        return replace(found, stripped_path=self.folder / _KERNEL, kit=str(self.facts["kit"]),
                       sources=tuple(Source(**one) for one in self.facts["sources"]))

    def launch(self, name: str, uuid: str, files: GuestFiles, paused: bool) -> Launch:
        """Return the launch of a replay."""
        facts = self.facts
        network = Network("user") if facts["has_network"] else None
        return Launch(name, uuid, str(self.folder / _KERNEL), facts["configuration"],
                      int(facts["memory_mib"]), facts["machine"], "tcg", facts["cpu"], files,
                      paused, str(self.folder / _ROOT) if facts["has_root"] else "",
                      Devices(facts["machine"], network),
                      kit=str(facts["kit"]), recording=str(self.folder), is_replay=True,
                      device_uuid=facts["uuid"])

    def __repr__(self) -> str:
        size = sum(one.stat().st_size for one in self.folder.iterdir() if one.is_file())
        return f"recording of {self.name}: {size / 2**20:.1f} MiB in {self.folder}"


def _make_snapshot_store(path: Path, memory_mib: int) -> None:
    tool = shutil.which("qemu-img")
    if not tool:
        raise HostError("there is no qemu-img, which a recording needs",
                        next_step="install it: sudo apt install qemu-utils")
    done = subprocess.run([tool, "create", "-q", "-f", "qcow2", str(path), f"{memory_mib}M"],
                          capture_output=True, text=True)
    if done.returncode:
        raise HostError(f"qemu-img cannot make {path}: {done.stderr.strip()}", path=path,
                        next_step="give another path, or free some space there")


def _copy(source: Path, target: Path) -> None:
    """Copy a file; on the same file system, without copying its bytes."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
