"""The figures of a region in a few words."""

from __future__ import annotations

from dataclasses import dataclass

from ..format.sizes import format_size
from ..reports import HeapStats


@dataclass(frozen=True, slots=True)
class RegionStats:
    """Those figures of a region that a replay has; each means what it does in `HeapStats`."""

    capacity: int
    live_bytes: int
    live_blocks: int
    free_bytes: int
    free_blocks: int
    wilderness_bytes: int
    largest_now: int
    largest_merged: int
    fragmentation: float
    fragmentation_merged: float
    lingering_bytes: int = 0
    waiting_bytes: int = 0


def summary(stats: HeapStats | RegionStats) -> list[str]:
    """What is live, what is free, how large a request fits now, and once all is merged if that
    makes a difference."""
    lingering = f" ({format_size(stats.lingering_bytes)} lingering{_waiting(stats.waiting_bytes)})"
    largest, fragmentation = format_size(stats.largest_now), f"{stats.fragmentation:.1%}"
    if stats.largest_merged != stats.largest_now:
        largest += f" ({format_size(stats.largest_merged)} merged)"
        fragmentation += f" ({stats.fragmentation_merged:.1%} merged)"
    return [
        f"{format_size(stats.capacity)}: {format_size(stats.live_bytes)} live "
        f"in {_blocks(stats.live_blocks)}{lingering if stats.lingering_bytes else ''}",
        f"{format_size(stats.free_bytes)} freed in {_blocks(stats.free_blocks)}",
        f"{format_size(stats.wilderness_bytes)} wilderness",
        f"largest request {largest}",
        f"fragmentation {fragmentation}",
    ]


def _waiting(bytes_: int) -> str:
    """Lingering blocks that no view explains."""
    return (
        f", of which {format_size(bytes_)} exposed: they wait for the last reference"
        if bytes_
        else ""
    )


def _blocks(count: int) -> str:
    return "1 block" if count == 1 else f"{count:,} blocks"
