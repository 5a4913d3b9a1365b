"""What is due in a Rumprun guest: threads that sleep, and the rump kernel's callouts.

Source: NetBSD 7, sys/kern/kern_timeout.c, sys/sys/callout.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.probes.timers import Timer, Timers
from kernel_magics.inspect.rumprun.probes.netbsd import RumprunProbe, symbol_at
from kernel_magics.inspect.threads.thread_table import FOREVER

if TYPE_CHECKING:
    import drgn

__all__ = ["RumprunTimers"]

MOST_CALLOUTS = 10_000
_NS = 1_000_000_000
_NETWORK = ("tcp_", "arp", "nd6_", "ip_", "ip6_", "in_", "in6_", "igmp", "icmp", "rt_", "if_",
            "mld_", "pfslow", "pffast")


class RumprunTimers(RumprunProbe, Timers):
    """See Timers.  The kernel's are due at its own ticks, which count from its start."""

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Timer]:
        found = [*self._sleepers(), *self._callouts(program, problems)]
        yield from sorted(found, key=lambda one: one.due_ns)

    def _sleepers(self) -> Iterator[Timer]:
        try:
            threads = self._subject.threads.read()
        except LabError:
            return
        for one in threads:
            if one.record.deadline_ns < FOREVER:
                yield Timer("sleep", f"thread {one.number} ({one.name})", one.record.deadline_ns,
                            0, 0, 0, "")

    def _callouts(self, program: drgn.Program, problems: list[str]) -> Iterator[Timer]:
        import drgn

        try:
            cpu = program.variable("callout_cpu0", "kern_timeout.c")
        except LookupError:
            return
        tick_ns = _NS // max(1, int(program["hz"]))
        ahead = int(program["hardclock_ticks"]) - int(cpu.cc_ticks)
        buckets = [cpu.cc_todo, *cpu.cc_wheel]
        left = MOST_CALLOUTS
        for bucket in buckets:
            end = bucket.address_
            try:
                at = _pointer(bucket)
                while at not in (0, end):
                    left -= 1
                    if left <= 0:
                        problems.append(f"more than {MOST_CALLOUTS} callouts")
                        return
                    one = drgn.Object(program, "struct callout_impl", address=at)
                    yield self._timer(one, tick_ns)
                    at = _pointer(one.c_list)
            except drgn.FaultError as error:
                problems.append(f"a list of callouts leads to {error.address:#x}, which is not "
                                "mapped")
        if ahead > 1:
            problems.append(f"the kernel is {ahead} ticks behind with its callouts")

    def _timer(self, one: Any, tick_ns: int) -> Timer:
        calls = symbol_at(self._subject, int(one.c_func))
        kind = "network" if calls.startswith(_NETWORK) else "runtime"
        return Timer(kind, "rump kernel", int(one.c_time) * tick_ns, 0, 0, 0, calls)


def _pointer(queue: Any) -> int:
    return int.from_bytes(queue.cq_next.to_bytes_()[:8], "little")
