"""Upstream Rumprun's side of the hypercall interface: what an image has, and what are stubs."""

from typing import Any

from kernel_magics.trace.hypercalls import HYPERCALLS, UPSTREAM

__all__ = ["STUB_PREFIX", "hypercalls_of", "stubs_of"]

# What upstream's stubs are aliases of: lib/libbmk_rumpuser/rumpuser_stubs.c.
STUB_PREFIX = "rumpuser_stub_"


def stubs_of(symbols: Any) -> dict[str, str]:
    """Return the hypercalls of an image that are stubs, each with the function that answers.

    symbols: a SymbolIndex.  Stubs of one kind lie at one address, so one who looks at
    addresses cannot tell them apart.
    """
    answers = {symbol.address: symbol.name for symbol in symbols.search(f"{STUB_PREFIX}*")
               if symbol.kind == "function"}
    return {call.name: answers[address] for call in HYPERCALLS if call.name in symbols
            and (address := symbols.find(call.name).address) in answers}


def hypercalls_of(symbols: Any) -> list[str]:
    """Return the hypercalls that an image has at addresses of their own; of those that are
    stubs the functions that they are."""
    stubs = stubs_of(symbols)
    return [call.name for call in (*HYPERCALLS, *UPSTREAM)
            if call.name in symbols and call.name not in stubs]
