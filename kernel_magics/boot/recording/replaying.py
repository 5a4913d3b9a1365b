"""Running a recording again, as a guest like any other."""

import time
import uuid

from kernel_magics.boot import registry
from kernel_magics.boot.guest import Guest
from kernel_magics.boot.hypervisor.accel import Accelerator
from kernel_magics.boot.hypervisor.qemu import find_qemu
from kernel_magics.boot.recording.recording import TSC_HZ, Recording
from kernel_magics.boot.registry import GuestRecord
from kernel_magics.boot.spec import BootSpec, check_guest_name
from kernel_magics.boot.starting import start_launch

__all__ = ["replay_guest"]


def replay_guest(recording: Recording, *, name: str = "", paused: bool = True,
                 keep: bool = False) -> Guest:
    """Start a guest that does what the recorded one did, instruction by instruction.

    It is called `name`, by default the recorded name with -replay, and waits before its
    first instruction unless `paused` is false.  Raises UsageError, HostError or GuestError
    before anything is started; BootError if QEMU refuses.
    """
    facts = recording.facts
    marks = {"called": time.monotonic_ns()}
    wanted = check_guest_name(name) if name else f"{recording.name[:40]}-replay"
    find_qemu()
    image = recording.image()
    spec = {**facts["spec"], "record": str(recording.folder), "replay": True, "paused": paused,
            "ports": [], "capture": False, "driver": "qemu", "uri": None}
    record = GuestRecord(
        name=wanted, uuid=str(uuid.uuid4()), driver="qemu", uri="", image=str(image.path),
        owner=registry.own_process(), spec=spec, header_address=facts["header_address"],
        accel="tcg", marks=marks, keep=keep, kit=str(facts["kit"]))
    files, record = registry.claim(record, numbered=not name)
    launch = recording.launch(record.name, record.uuid, files, paused)
    chosen = Accelerator("tcg", launch.cpu, TSC_HZ, "a recording is replayed under TCG")
    return start_launch(image, BootSpec(driver="qemu", record=recording.folder), record, launch,
                        chosen)
