"""Upstream Rumprun's side of the hypercall interface: what an image has, and what are stubs."""

from typing import Any

from kernel_magics.trace.calls.hypercalls import HYPERCALLS, UPSTREAM

__all__ = ["STUB_PREFIX", "hypercalls_of", "platform_stubs_of", "stubs_of"]

# What upstream's stubs are aliases of: lib/libbmk_rumpuser/rumpuser_stubs.c.
STUB_PREFIX = "rumpuser_stub_"
# Those of platform/hw/undefs.c are functions of their own.
PLATFORM_STUBS = "undefs.c"
_OF_PLATFORM = ("rumpuser_open", "rumpuser_close", "rumpuser_bio", "rumpuser_getfileinfo")


def stubs_of(symbols: Any) -> dict[str, str]:
    """Return the hypercalls of an image that are stubs, each with the function that answers.

    symbols: a SymbolIndex.  Stubs of one kind lie at one address, so one who looks at
    addresses cannot tell them apart.
    """
    answers = {symbol.address: symbol.name for symbol in symbols.search(f"{STUB_PREFIX}*")
               if symbol.kind == "function"}
    return {call.name: answers[address] for call in HYPERCALLS if call.name in symbols
            and (address := symbols.find(call.name).address) in answers}


def platform_stubs_of(symbols: Any) -> dict[str, str]:
    """Return the hypercalls that the platform hw has only the names of: they return ENOSYS, or
    say that they are not implemented and stop the guest."""
    return {name: PLATFORM_STUBS for name in _OF_PLATFORM if name in symbols
            and (place := symbols.find(name).line) and place[0].endswith(PLATFORM_STUBS)}


def hypercalls_of(symbols: Any) -> list[str]:
    """Return the hypercalls that an image has at addresses of their own; of those that are
    stubs the functions that they are."""
    stubs = stubs_of(symbols)
    return [call.name for call in (*HYPERCALLS, *UPSTREAM)
            if call.name in symbols and call.name not in stubs]
