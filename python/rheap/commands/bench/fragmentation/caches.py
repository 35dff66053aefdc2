"""A full cache that values of another size come to."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from ...._core import Block
from ....console.table import table
from ....console.terminal import Terminal
from ....heap import Heap
from ..measuring import Advance, Headline, clock
from ..words import duration
from .malloc import Malloc
from .playing import Played, extent_of_live, live_bytes, play
from .workloads import CACHE_LIMIT, CACHES, cache

PASS = 0.005  # seconds
_ROOM = 4  # times the limit: the capacity of the heap
_NOISE = random.Random(0).randbytes(1 << 16)


@dataclass(frozen=True, slots=True)
class FullCache:
    """How it went; extents and resident memory as ratios to what is live."""

    first: int  # bytes
    second: int
    malloc: float
    uncompacted: float
    compacted: float
    passes: int
    longest_pass: float  # seconds
    is_unchanged: bool  # what the blocks hold


def measure(part: float, advance: Advance) -> list[FullCache]:
    """Fills each cache, then compacts it pass by pass."""
    return [_measure(first, second, part, advance) for first, second in CACHES]


def _measure(first: int, second: int, part: float, advance: Advance) -> FullCache:
    advance(f"a cache of {first}, then {second} bytes")
    with Heap(int(CACHE_LIMIT * part * _ROOM), auto_compact=False) as heap:
        with Malloc() as process:
            played = play(cache(first, second, part), heap, process, _fill)
            malloc = process.resident_bytes() / live_bytes(heap)
        before, uncompacted = _digest(played), extent_of_live(heap)
        passes = _compact(heap)
        return FullCache(
            first,
            second,
            malloc,
            uncompacted,
            extent_of_live(heap),
            len(passes),
            max(passes),
            _digest(played) == before,
        )


def _compact(heap: Heap) -> list[float]:
    """The seconds of the processor that each pass took, until all is compact."""
    seconds = []
    finished = False
    while not finished:
        start = clock()
        finished = heap.compact(max_seconds=PASS).finished
        seconds.append(clock() - start)
    return seconds


def _fill(number: int, block: Block) -> None:
    start = number * 7919 % (len(_NOISE) - block.size)
    block[:] = _NOISE[start : start + block.size]


def _digest(played: Played) -> bytes:
    digest = hashlib.sha256()
    for block in played.blocks:
        if block is not None:
            digest.update(block[:])  # a copy: who takes the block itself keeps it where it is
    return digest.digest()


def show(caches: Sequence[FullCache], terminal: Terminal, libc: str) -> None:
    """A line each."""
    terminal.say(
        "A cache of 100 MB gets 700,000 values, then 170,000 larger ones, and evicts any when it "
        f"is full (Redis's test of its defragmentation; Mesh, PLDI 2019). {libc}'s resident memory "
        "and the heap's extent, as ratios to what is live; passes of "
        f"compact(max_seconds={PASS}), and the longest. Redis asks for 1.1 and 30 ms."
    )
    header = ["bytes", libc, "without", "compacted", "passes", "longest", "contents"]
    rows = [
        [
            f"{one.first}, then {one.second}",
            f"{one.malloc:.3f}",
            f"{one.uncompacted:.3f}",
            f"{one.compacted:.3f}",
            str(one.passes),
            duration(one.longest_pass),
            "unchanged" if one.is_unchanged else "CHANGED",
        ]
        for one in caches
    ]
    terminal.output(table(header, rows, terminal.columns))


def headlines(caches: Sequence[FullCache]) -> list[Headline]:
    """The extents."""
    return [
        Headline(
            f"extent of a cache, {one.first} then {one.second} bytes",
            f"{one.compacted:.3f} times what is live, {one.uncompacted:.2f} without compaction",
        )
        for one in caches
    ]
