"""Each probe against known_state, whose contents are known: images/guests/known_state."""

from collections.abc import Iterator
from typing import Any

import pytest
from capabilities import need
from known_guest import known_state

from kernel_magics.errors import UsageError

pytestmark = pytest.mark.guest

MAIN = "known_state"
PORT = 47231


@pytest.fixture(scope="module")
def guest() -> Iterator[Any]:
    need("compiler", "qemu")
    with known_state() as (_, booted):
        yield booted


def test_the_process_and_its_threads(guest: Any) -> None:
    (process,) = guest.processes
    assert (process.pid, process.parent, process.state, process.command) == (1, 0, "runs", MAIN)
    assert len(process.threads) == 4 and process.files == 20
    assert process.cpu_ns > 0 and process.current
    assert guest.processes.arguments(1) == ["known_state"]
    assert guest.processes.df.loc[1, "group"] == 1


def test_open_files_are_those_the_program_opened(guest: Any) -> None:
    table = guest.files.df.set_index("descriptor")
    assert sorted(table.index) == [*range(19), 20]
    assert table["kind"].to_dict() == {
        0: "terminal", 1: "terminal", 2: "terminal", 3: "file", 4: "pipe", 5: "pipe",
        6: "eventfd", 7: "device", 8: "directory", 9: "epoll", 10: "socket", 11: "socket",
        12: "socket", 13: "socket", 14: "socket", 15: "socket", 16: "socket", 17: "timerfd",
        18: "file", 20: "file"}
    data = guest.files.find(3)
    assert (data.path, data.position, data.size_bytes) == ("/tmp/known_state/data", 5, 10)
    assert data.flags == "rw,append" and data.address == guest.files.find(20).address
    assert guest.files.find(6).detail == "count 7" and guest.files.find(6).close_on_exec
    assert guest.files.find(7).path == "/dev/null" and guest.files.find(7).flags == "w,nonblock"
    assert guest.files.find(8).path == "/tmp/known_state"
    assert guest.files.find(9).detail == "watches 4"
    assert guest.files.find(4).detail == "0 bytes, 1 readers, 1 writers"
    assert "every 60 s" in guest.files.find(17).detail
    assert not guest.files.problems


def test_sockets_with_their_states_and_what_is_queued(guest: Any) -> None:
    table = guest.sockets.df.set_index("descriptor")
    assert not guest.sockets.problems and (table["pid"] == 1).all()
    assert table["protocol"].to_dict() == {10: "tcp", 11: "tcp", 12: "tcp", 13: "udp",
                                           14: "unix", 15: "unix", 16: "unix"}
    assert table["state"].to_dict() == {10: "listen", 11: "established", 12: "established",
                                        13: "bound", 14: "listen", 15: "connected",
                                        16: "connected"}
    assert table.loc[10, "local"] == f"127.0.0.1:{PORT}" and table.loc[10, "backlog"] == 8
    assert table.loc[11, "remote"] == f"127.0.0.1:{PORT}"
    assert table.loc[12, "remote"] == table.loc[11, "local"]
    assert table.loc[12, "receive_bytes"] == len("queued bytes")
    assert table.loc[13, "local"] == f"127.0.0.1:{PORT + 1}"
    assert table.loc[14, "local"] == "/tmp/known_state/socket"
    assert table.loc[16, "receive_bytes"] == len("abc")


def test_mounts(guest: Any) -> None:
    table = guest.mounts.df
    assert table.loc["/", "source"] == "rootfs"
    assert table.loc["/tmp/known_state/mount", "type"] == "tmpfs"
    assert 0 < table.loc["/", "used_bytes"] < table.loc["/", "total_bytes"]


def test_timers_with_owner_period_and_signal(guest: Any) -> None:
    table = guest.timers.df.set_index("kind")
    assert table.loc["setitimer", "owner"] == "process 1, real"
    assert table.loc["setitimer", "interval_ns"] == 500 * 10**9
    assert table.loc["setitimer", "signal"] == 14
    assert table.loc["timer", "signal"] == 10
    assert 3000 < table.loc["timer", "due_ns"] / 1e9 < 3060
    assert table.loc["timerfd", "owner"] == "process 1, descriptor 17"
    assert table.loc["timerfd", "interval_ns"] == 60 * 10**9
    assert any("(sleeper)" in owner for owner in table.loc[["sleep"], "owner"])
    assert guest.timers.df["due_ns"].is_monotonic_increasing


def test_interrupts_are_named_and_counted(guest: Any) -> None:
    table = guest.interrupts.df
    assert table.loc[62, "handler"] == "bmk_timer_interrupt"
    assert table.loc[62, "count"] > 0
    assert (table["handler"] != "").all()


def test_each_says_what_it_is_in_a_few_lines(guest: Any) -> None:
    for name in ("processes", "files", "sockets", "mounts", "timers", "interrupts", "devices"):
        text = repr(getattr(guest, name))
        assert text.startswith(f"known_state: {len(getattr(guest, name))} "), text
        assert max(map(len, text.splitlines())) < 200


def test_what_is_not_there_is_answered_with_what_is(guest: Any) -> None:
    with pytest.raises(UsageError, match=r"descriptor 99 is not open\nopen are 0, 1"):
        guest.files.find(99)
    with pytest.raises(UsageError, match=r"no process 7\nthere are 1"):
        guest.processes.find(7)
