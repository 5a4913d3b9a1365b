"""Memory that a Rumprun guest asked for and could not have, and how much RAM would serve."""

from dataclasses import dataclass

__all__ = ["MemoryShortage"]

PAGE_BYTES = 4096
MIB = 1 << 20
LEAST_MIB = 24      # below, the rump kernel warns that it has too little to work with
MOST_ORDER = 40     # what a console may claim is bounded


@dataclass(slots=True)
class MemoryShortage:
    """The requests for pages that a guest with `memory_mib` of RAM could not be given.

    Pages are given in blocks of 2 ** order pages, aligned to their size; `order` is that of the
    largest block that was not there, `refused` how many requests failed, `is_stuck` whether the
    kernel waits for memory that nobody gives back, `is_low` whether it warned at its start that
    it had less than it wants.  True if a request failed.
    Source: lib/libbmk_core/pgalloc.c of github.com/rumpkernel/rumprun.
    """

    memory_mib: int
    order: int = 0
    refused: int = 0
    is_stuck: bool = False
    is_low: bool = False

    def note(self, order: int) -> None:
        """Count a request that failed."""
        self.refused += 1
        self.order = max(self.order, min(order, MOST_ORDER))

    def note_stuck(self) -> None:
        """Note that the kernel waits for memory."""
        self.is_stuck = True

    def note_low(self) -> None:
        """Note that the kernel has less than it wants."""
        self.is_low = True

    @property
    def block_bytes(self) -> int:
        """The largest block that could not be had."""
        return PAGE_BYTES << self.order

    @property
    def advised_mib(self) -> int:
        """RAM that would serve: with it, all that was in use and the largest block fit.

        A program that goes on asking would need more; so it is twice what there was at least.
        """
        block_mib = -(-self.block_bytes // MIB)
        aligned_mib = -(-self.memory_mib // block_mib) * block_mib
        return max(LEAST_MIB, 2 * self.memory_mib, aligned_mib + block_mib)

    @property
    def step(self) -> str:
        """What to do about it."""
        return (f"give it more memory: memory_mib={self.advised_mib}, or --memory "
                f"{self.advised_mib}")

    def __bool__(self) -> bool:
        return bool(self.refused)

    def __str__(self) -> str:
        if not self.refused:
            few = "less than" if self.is_low else "as much as"
            return f"its {self.memory_mib} MiB of memory are {few} its kernel wants"
        size_kib = self.block_bytes >> 10
        size = f"{size_kib} KiB" if size_kib < 1024 else f"{size_kib >> 10} MiB"
        waits = " and its kernel waits for some" if self.is_stuck else ""
        return f"{size} of memory in one piece could not be had of its {self.memory_mib} MiB{waits}"

    def __repr__(self) -> str:
        if not (self or self.is_low):
            return "no shortage of memory"
        return f"{self}; {self.advised_mib} MiB would serve"
