"""How fast blocks move."""

from __future__ import annotations

from ctypes import memmove
from dataclasses import dataclass

from ...._core import WORD_BYTES
from ....console.terminal import Terminal
from ....format.sizes import format_size
from ....heap import Heap
from ....replay.figure import Figure
from ..measuring import SPREAD, Advance, Headline, clock
from ..words import duration, fine

LARGE = 1 << 20  # bytes of a block
LARGE_BLOCKS = 128
_LEAST_BLOCKS = 32  # or a cache holds them
SMALL = 64
SMALL_BLOCKS = 10**6
_ROUNDS = 9
_ROUNDS_SMALL = 3


@dataclass(frozen=True, slots=True)
class Moving:
    """How fast large blocks move, as a ratio to memmove of as many bytes between the same places,
    and how long it takes to compact many small ones."""

    rate: Figure  # bytes per second
    of_memmove: Figure
    small_blocks: int
    seconds: Figure


def measure(part: float, advance: Advance) -> Moving:
    """Compacts heaps of which every second block is free."""
    advance("moving large blocks")
    blocks = max(round(LARGE_BLOCKS * part), _LEAST_BLOCKS)
    ours, theirs = zip(*(_large(blocks) for _ in range(_ROUNDS)), strict=True)
    advance("moving many small blocks")
    small_blocks = round(SMALL_BLOCKS * part)
    return Moving(
        Figure.of(ours),
        Figure.of_ratios(ours, theirs),
        small_blocks,
        Figure.of([_small(small_blocks) for _ in range(_ROUNDS_SMALL)]),
    )


def _large(count: int) -> tuple[float, float]:
    """Bytes per second of compact(), and of memmove between the same places."""
    with Heap((2 * count + 1) * (LARGE + WORD_BYTES), prefault=True) as heap:
        blocks = [heap.alloc(LARGE) for _ in range(2 * count)][1::2]
        start = clock()
        moved = heap.compact().moved_bytes
        ours = moved / (clock() - start)
        blocks.clear()
        address = heap.alloc(2 * count * LARGE).address
        start = clock()
        for number in range(count):
            memmove(address + number * LARGE, address + (2 * number + 1) * LARGE, LARGE)
        return ours, count * LARGE / (clock() - start)


def _small(count: int) -> float:
    """The seconds that it takes to compact so many."""
    with Heap(2 * count * (SMALL + WORD_BYTES) + LARGE) as heap:
        blocks = [heap.alloc(SMALL) for _ in range(2 * count)][1::2]
        start = clock()
        heap.compact()
        seconds = clock() - start
        blocks.clear()
        return seconds


def show(moving: Moving, terminal: Terminal) -> None:
    """A sentence each."""
    terminal.say(
        f"Every second block is free. Blocks of {format_size(LARGE)} move at "
        f"{format_size(round(moving.rate.median))}/s, {fine(moving.of_memmove)} of the rate of "
        f"memmove between the same places ({SPREAD}). To compact {moving.small_blocks:,} blocks of "
        f"{SMALL} bytes takes {duration(moving.seconds.median)}."
    )


def headlines(moving: Moving) -> list[Headline]:
    """Both."""
    return [
        Headline(
            f"moving blocks of {format_size(LARGE)}", f"{fine(moving.of_memmove)} of memmove's rate"
        ),
        Headline(
            f"compacting {moving.small_blocks:,} blocks of {SMALL} bytes",
            duration(moving.seconds.median),
        ),
    ]
