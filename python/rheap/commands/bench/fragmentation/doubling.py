"""Every second block freed, then blocks twice as large: the pattern against which no placement
helps."""

from __future__ import annotations

from dataclasses import dataclass

from ....console.terminal import Terminal
from ....heap import Heap
from ..measuring import Advance, Headline
from .malloc import Malloc
from .playing import live_bytes, play
from .workloads import PAIRS_CAPACITY, pairs


@dataclass(frozen=True, slots=True)
class Doubling:
    """The part of the capacity that was live when a request was refused, at the least; and
    malloc's resident memory at the end of the same, as a ratio to what is live."""

    malloc: float
    uncompacted: float
    compacted: float
    refusals: int  # one a size


def measure(part: float, advance: Advance) -> Doubling:
    """Plays it on a heap that moves nothing, and on one that makes room."""
    advance("every second block freed")
    capacity = int(PAIRS_CAPACITY * part)
    with Heap(capacity, auto_compact=False) as heap:
        uncompacted = min(play(pairs(part), heap).live_when_refused)
    with Heap(capacity) as heap, Malloc() as process:
        played = play(pairs(part), heap, process)
        malloc = process.resident_bytes() / live_bytes(heap)
    refusals = played.live_when_refused
    return Doubling(malloc, uncompacted, min(refusals), len(refusals))


def show(doubling: Doubling, terminal: Terminal, libc: str) -> None:
    """A sentence."""
    terminal.say(
        "A heap is filled, every second block freed, and the same done with blocks twice as large, "
        f"{doubling.refusals} sizes in all (after Robson, 1974). When a request was refused, "
        f"{doubling.compacted:.1%} of the capacity or more was live; on a heap that moves nothing "
        f"{doubling.uncompacted:.1%}. In the end {libc} has {doubling.malloc:.2f} times what is "
        "live in memory."
    )


def headlines(doubling: Doubling) -> list[Headline]:
    """How full a heap can be."""
    return [
        Headline(
            "live before a request is refused, every second block freed",
            f"{doubling.compacted:.1%} of the capacity, {doubling.uncompacted:.1%} without "
            "compaction",
        )
    ]
