"""Sizes that change: the ten workloads of the paper on log-structured memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....console.table import table
from ....console.terminal import Terminal
from ....heap import Heap
from ..measuring import Advance, Headline
from .malloc import Malloc
from .playing import extent_of_live, live_bytes, play
from .workloads import CHANGE_POOL, CHANGES, Change


@dataclass(frozen=True, slots=True)
class Changed:
    """What lies below the highest byte in use, or is resident, beyond what is live, as a ratio to
    that; `published`: of a pool of persistent memory."""

    name: str
    published: float
    published_compacted: float
    malloc: float
    uncompacted: float
    compacted: float


def measure(part: float, advance: Advance) -> list[Changed]:
    """Plays each workload, then compacts."""
    return [_measure(change, part, advance) for change in CHANGES]


def _measure(change: Change, part: float, advance: Advance) -> Changed:
    advance(f"sizes {change.name}")
    with Heap(int(CHANGE_POOL * part), auto_compact=False) as heap, Malloc() as process:
        played = play(change.make(part), heap, process)
        malloc = process.resident_bytes() / live_bytes(heap) - 1
        uncompacted = extent_of_live(heap) - 1
        heap.compact()
        compacted = extent_of_live(heap) - 1
        played.blocks.clear()
    return Changed(
        change.name,
        change.published,
        change.published_compacted,
        malloc,
        uncompacted,
        compacted,
    )


def show(changes: Sequence[Changed], terminal: Terminal, libc: str) -> None:
    """A line each."""
    terminal.say(
        "Blocks of one range of sizes, then of another (Rumble, Kejriwal, Ousterhout, FAST 2014; a "
        "tenth of the size at which the Persistent Memory Development Kit tests its pools): what "
        f"is beyond the live blocks, as a ratio to them. Pool, defrag: what that test demands of "
        f"its pool, without and with its defragmentation. {libc}: resident memory. Without, "
        "compacted: the heap's extent before and after compact()."
    )
    header = ["bytes", "pool", "defrag", libc, "without", "compacted"]
    rows = [
        [
            one.name,
            f"{one.published:.2f}",
            f"{one.published_compacted:.2f}",
            f"{one.malloc:.3f}",
            f"{one.uncompacted:.3f}",
            f"{one.compacted:.3f}",
        ]
        for one in changes
    ]
    terminal.output(table(header, rows, terminal.columns))


def headlines(changes: Sequence[Changed]) -> list[Headline]:
    """The worst of them."""
    uncompacted = max(one.uncompacted for one in changes)
    compacted = max(one.compacted for one in changes)
    return [
        Headline(
            f"extent after sizes changed, the most of {len(changes)} workloads",
            f"{1 + compacted:.3f} times what is live, {1 + uncompacted:.2f} without compaction",
        )
    ]
