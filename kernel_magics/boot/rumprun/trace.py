"""What a Rumprun guest with tracing baked in is told of it, before its configuration (pure)."""

from kernel_magics.boot.spec import BootSpec

__all__ = ["trace_prefix"]

PREFIX = "rumplab:"


def trace_prefix(spec: BootSpec, tsc_hz: int) -> str:
    """Return what stands on the command line before the JSON, where upstream looks for nothing.

    `tsc_hz` is the measured frequency of the guest's time-stamp counter, 0 if unknown.
    Source: images/rumprun/trace_start.c reads it.
    """
    trace = {} if spec.trace in ("off", "chosen") else {"trace": spec.trace}
    settings = {"tsc_hz": tsc_hz, **trace, **spec.trace_settings,
                "trace_records": spec.trace_records}
    return PREFIX + ",".join(f"{key}={value}" for key, value in settings.items()) + " "
