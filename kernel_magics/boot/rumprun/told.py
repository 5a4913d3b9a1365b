"""The part of a Guest that its console tells: what Rumprun's guests say of themselves."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from kernel_magics.boot.rumprun import KIT
from kernel_magics.boot.rumprun.ends import RumprunEnd
from kernel_magics.boot.rumprun.halting import confirmed_end
from kernel_magics.boot.rumprun.programs import ProgramList
from kernel_magics.boot.rumprun.shortage import MemoryShortage
from kernel_magics.boot.rumprun.story import RumprunStory, story_of
from kernel_magics.boot.rumprun.symbols import BootSymbols, boot_symbols
from kernel_magics.errors import GuestError, ImageError

if TYPE_CHECKING:
    from kernel_magics.boot.console.console import Console
    from kernel_magics.boot.hypervisor.machine import Machine
    from kernel_magics.boot.registers import Registers
    from kernel_magics.boot.registry import GuestFiles, GuestRecord
    from kernel_magics.build.image import GuestImage

__all__ = ["ToldByConsole"]


class ToldByConsole:
    """What is known of a guest by its console alone; nothing, for guests of other kits."""

    name: str
    record: "GuestRecord"
    spec: dict[str, object]
    host_files: "GuestFiles"
    machine: "Machine"
    console: "Console"
    watch: Callable[[], None]
    _end: RumprunEnd | None = None
    _last_registers: "Registers | None" = None

    if TYPE_CHECKING:
        @cached_property
        def image(self) -> GuestImage: ...

    @cached_property
    def _story(self) -> RumprunStory | None:
        return story_of(self.console.since, self.spec) if self.record.kit == KIT else None

    @property
    def end(self) -> RumprunEnd | None:
        """How a Rumprun guest has ended, as far as its console and its processor tell: kind,
        reason, place; None while it goes on, and for other guests."""
        if self._story is not None and self._end is None:
            found = confirmed_end(self._story, self.machine, self.host_files.processor_log,
                                  self._idle_code)
            if found is not None:
                self._last_registers = found.registers
                self._end = found.end
        return self._end

    @property
    def programs(self) -> ProgramList:
        """The programs of a Rumprun guest, what became of each; raises GuestError for others."""
        if self._story is None:
            raise GuestError(f"{self.name} is not a Rumprun guest: its programs are processes",
                             name=self.name, next_step="look at guest.processes")
        is_over = self.end is not None or self.machine.has_ended()
        found = self._story.programs.cut_off() if is_over else self._story.programs
        return found.without_unwinding() if self._symbols.throws_end else found

    @property
    def memory_shortage(self) -> MemoryShortage | None:
        """Memory that a Rumprun guest could not have, and the RAM that would serve; None for
        other guests, false if there was enough."""
        if self._story is None:
            return None
        _ = self.end
        return self._story.shortage

    def watch_halting(self) -> None:
        """Follow a guest that halts at its end and does not power off: it is stopped then."""
        if self._story is not None:
            self.watch()

    def _is_over(self) -> bool:
        """Whether a guest that never powers off has come to its end, and may be stopped."""
        said = self.end
        return said is not None and (said.status is not None
                                     or self.spec.get("on_panic") != "halt")

    def _idle_code(self) -> range:
        return self._symbols.idle

    @property
    def _symbols(self) -> BootSymbols:
        try:
            return boot_symbols(self.image.path)
        except ImageError:  # the file is gone, or another one
            return BootSymbols(None, range(0))
