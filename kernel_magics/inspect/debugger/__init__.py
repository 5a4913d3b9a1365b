"""guest.debugger: breakpoints, watchpoints, steps, over QEMU's gdb stub."""

from kernel_magics.inspect.debugger.breakpoints import Breakpoint, BreakpointList
from kernel_magics.inspect.debugger.debugger import Debugger
from kernel_magics.inspect.debugger.stop import Stop

__all__ = ["Breakpoint", "BreakpointList", "Debugger", "Stop"]
