"""The figures of a region in a line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .. import _core
from .._core import WORD_BYTES
from ..reports import BlockInfo, HeapStats
from ..sizes import format_size


@dataclass(frozen=True, slots=True)
class RegionStats:
    """What the blocks of a region tell, in bytes. A heap knows more: `HeapStats`."""

    capacity: int
    live_bytes: int
    live_blocks: int
    free_bytes: int
    free_blocks: int
    wilderness_bytes: int
    largest_free: int
    fragmentation: float
    lingering_bytes: int = 0
    waiting_bytes: int = 0

    @classmethod
    def of(cls, blocks: Iterable[BlockInfo], capacity: int) -> RegionStats:
        """Of blocks in address order, behind which there is wilderness."""
        live: list[int] = []
        freed: list[int] = []
        runs = [0]
        for block in blocks:
            (live if block.state.is_live else freed).append(block.capacity)
            if block.state.is_live:
                runs.append(0)
            else:
                runs[-1] += block.capacity + WORD_BYTES
        taken = sum(live) + sum(freed) + (len(live) + len(freed)) * WORD_BYTES
        runs[-1] += capacity - taken
        holes = [run - WORD_BYTES for run in runs if run >= _core.SMALLEST_CAPACITY]
        return cls(
            capacity=capacity,
            live_bytes=sum(live),
            live_blocks=len(live),
            free_bytes=sum(freed),
            free_blocks=len(freed),
            wilderness_bytes=capacity - taken,
            largest_free=max(holes, default=0),
            fragmentation=1 - max(holes) / sum(holes) if holes else 0.0,
        )


def summary(stats: HeapStats | RegionStats) -> str:
    """What is live, what is free, and in how large a hole."""
    lingering = f" ({format_size(stats.lingering_bytes)} lingering{_waiting(stats.waiting_bytes)})"
    return (
        f"{format_size(stats.capacity)}: "
        f"{format_size(stats.live_bytes)} live in {_blocks(stats.live_blocks)}"
        f"{lingering if stats.lingering_bytes else ''}, "
        f"{format_size(stats.free_bytes)} freed in {_blocks(stats.free_blocks)}, "
        f"{format_size(stats.wilderness_bytes)} wilderness, "
        f"largest hole {format_size(stats.largest_free)}, "
        f"fragmentation {stats.fragmentation:.1%}"
    )


def _waiting(bytes_: int) -> str:
    """Lingering blocks that no view explains."""
    return (
        f", of which {format_size(bytes_)} exposed: they wait for the last reference"
        if bytes_
        else ""
    )


def _blocks(count: int) -> str:
    return "1 block" if count == 1 else f"{count:,} blocks"
