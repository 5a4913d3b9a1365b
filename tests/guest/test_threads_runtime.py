"""Threads of the runtime itself, in an image without factions: its own locks."""

import subprocess
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.build.runtime import find_runtime
from kernel_magics.lab import Lab
from kernel_magics.places import images_dir

pytestmark = pytest.mark.guest

SOURCE = Path(__file__).parent / "thread_programs" / "runtime_locks.c"
LAYERS = ("arch", "bmk", "rumpuser", "lib")
COMPILE = ["gcc", "-std=gnu11", "-O2", "-g", "-ffreestanding", "-fno-pic", "-mno-red-zone",
           "-mgeneral-regs-only", "-fno-omit-frame-pointer", "-fno-stack-protector",
           "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-Wall", "-Wextra",
           "-Werror", "-nostdinc"]


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    need("qemu", "compiler")
    out, runtime = tmp_path_factory.mktemp("runtime_locks"), images_dir() / "rumpkit"
    layers = [find_runtime().object.with_name(f"{layer}.o") for layer in LAYERS]
    headers = subprocess.check_output(["gcc", "-print-file-name=include"], text=True).strip()
    subprocess.run([*COMPILE, "-isystem", headers, f"-I{runtime / 'include'}", "-c", SOURCE,
                    "-o", out / "program.o"], check=True)
    subprocess.run(["gcc", "-static", "-no-pie", "-nostdlib", f"-Wl,-T,{runtime / 'link.ld'}",
                    "-o", out / "locks.elf", out / "program.o", *layers], check=True)
    with Lab(driver="qemu") as lab:
        found = lab.boot(out / "locks.elf", name="locks", memory_mib=16)
        found.console.expect("ready", timeout=60)
        yield found


def test_waits_name_the_lock_and_its_holder(guest):
    threads = {one.name: one for one in guest.threads}
    red, green = threads["red_then_green"], threads["green_then_red"]
    assert red.wait.kind == green.wait.kind == "kernel lock"
    assert red.wait.holder == green.number and green.wait.holder == red.number
    holder = guest.threads[threads["reader"].wait.holder]
    assert "bmk_start_factions" in [frame.function for frame in holder.backtrace()]
    assert "held by thread" in threads["reader"].wait.text


def test_the_runtimes_deadlock_is_named(guest):
    said, = map(repr, guest.locks.deadlocks)
    assert "(red_then_green) waits for kernel lock" in said
    assert "(green_then_red) waits for kernel lock" in said


def test_backtraces_begin_where_the_thread_did(guest):
    threads = {one.name: one for one in guest.threads}
    names = [frame.function for frame in threads["red_then_green"].backtrace()]
    assert names[-2:] == ["red_then_green", "arch_thread_begin"]
    assert {"mutex_wait", "bmk_waitq_sleep"} <= set(names)
    assert threads["red_then_green"].process == 0
