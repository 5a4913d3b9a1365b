"""guest.debugger: breakpoints, watchpoints, steps, over QEMU's gdb stub."""
