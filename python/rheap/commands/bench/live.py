"""What an operation costs while a thousand, ... ten million blocks are live."""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...console.table import table
from ...console.terminal import Terminal
from ...format.sizes import format_size
from ...heap import Heap
from ...replay.figure import Figure
from .candidates import OURS
from .machine import available_bytes
from .measuring import SPREAD, Advance, Effort, Headline, clock, in_turn
from .words import duration, pace, ratio, span

TITLE = "With many live blocks"
YARDSTICK = "bytearray"
SMALLEST, LARGEST = 16, 112  # bytes of a block
BASE, MOST = 10**5, 10**7  # blocks: what the most of them cost is told as a ratio to the base
_REGION = LARGEST + 8  # bytes of the heap for a block, its word included
_SLACK = 1 << 20  # bytes of the heap for holes
_FOOTPRINT = 400  # bytes of memory for a block and a bytearray, and their places in lists
_SIZES = random.Random(0).choices(range(SMALLEST, LARGEST + 1), k=1009)


@dataclass(slots=True)
class Population:
    """Live blocks, and the operations on them; each returns the seconds that its calls took."""

    make: Callable[[int], Any]
    count: int
    blocks: list[Any] = field(init=False)
    oldest: int = 0

    def __post_init__(self) -> None:
        self.blocks = list(map(self.make, itertools.islice(itertools.cycle(_SIZES), self.count)))

    def add(self, calls: int) -> float:
        """Allocates and drops one more."""
        make = self.make
        sizes = random.choices(_SIZES, k=calls)
        start = clock()
        for size in sizes:
            make(size)
        return clock() - start

    def replace_oldest(self, calls: int) -> float:
        """Drops the block that came first and allocates one, as a queue does."""
        places = [(self.oldest + i) % self.count for i in range(calls)]
        self.oldest = (self.oldest + calls) % self.count
        return self._replace(places)

    def replace_random(self, calls: int) -> float:
        """Drops any block and allocates one."""
        return self._replace(random.choices(range(self.count), k=calls))

    def _replace(self, places: Sequence[int]) -> float:
        make, blocks = self.make, self.blocks
        sizes = random.choices(_SIZES, k=len(places))
        start = clock()
        for place, size in zip(places, sizes, strict=True):
            blocks[place] = None
            blocks[place] = make(size)
        return clock() - start


OPERATIONS: dict[str, Callable[[Population, int], float]] = {
    "replace the oldest": Population.replace_oldest,
    "replace a random one": Population.replace_random,
    "allocate and drop one more": Population.add,
}


@dataclass(frozen=True, slots=True)
class LiveCell:
    """One operation of one candidate beside that many live blocks."""

    operation: str
    candidate: str
    live_blocks: int
    seconds: Figure  # per operation
    of_yardstick: Figure  # the ratio to bytearray's time with as many
    of_base: Figure  # the ratio to its own time with the base


@dataclass(frozen=True, slots=True)
class Live:
    """All of them, and the counts for which there was not enough memory."""

    cells: list[LiveCell]
    skipped: list[int]

    def show(self, terminal: Terminal) -> None:
        """A table an operation."""
        terminal.say(
            f"As many blocks of {SMALLEST} to {LARGEST} bytes as the column says are live, made in "
            "one go. To replace one is to drop it and to allocate another of such a size. The "
            "oldest and one more show what the allocators cost; for a random one the processor "
            "waits for memory too: for the object, for its neighbours in lists, for the block."
        )
        if self.skipped:
            terminal.say(
                f"Not measured: {', '.join(map(power, self.skipped))} live blocks. There is not "
                f"enough memory; it takes up to {format_size(_FOOTPRINT)} for each."
            )
        for operation in OPERATIONS if self.cells else ():
            terminal.say(f"{operation.capitalize()}: time, and ratios ({SPREAD} below).")
            cells = [cell for cell in self.cells if cell.operation == operation]
            terminal.output(_table_of(cells, terminal.columns))

    def headlines(self) -> list[Headline]:
        """What an operation costs with the most live blocks, beside that with the base."""
        return [
            Headline(
                f"{cell.operation}, {cell.candidate}, {power(MOST)} live",
                pace(cell.of_base, f"with {power(BASE)}"),
            )
            for cell in self.cells
            if cell.live_blocks == MOST
        ]


def power(count: int) -> str:
    """A power of ten as people write it in text."""
    return f"10^{len(str(count)) - 1}"


def _table_of(cells: Sequence[LiveCell], width: int) -> str:
    ours = [cell for cell in cells if cell.candidate == OURS]
    theirs = [cell for cell in cells if cell.candidate == YARDSTICK]
    parts = {
        f"{OURS}, times as fast as {YARDSTICK}": [cell.of_yardstick.inverse for cell in ours],
        f"{OURS}, times as slow as with {power(BASE)}": [cell.of_base for cell in ours],
        f"{YARDSTICK}, times as slow as with {power(BASE)}": [cell.of_base for cell in theirs],
    }
    rows = [
        [OURS, *(duration(cell.seconds.median) for cell in ours)],
        [YARDSTICK, *(duration(cell.seconds.median) for cell in theirs)],
    ]
    for name, figures in parts.items():
        rows.append([name, *(ratio(figure.median) for figure in figures)])
        rows.append(["", *map(span, figures)])
    return table(["live blocks", *(power(cell.live_blocks) for cell in ours)], rows, width)


def measure(effort: Effort, advance: Advance) -> Live:
    """Times each operation beside each number of live blocks, all of them alive together."""
    counts = list(_affordable(effort.live))
    people: dict[tuple[str, int], Population] = {}
    with contextlib.ExitStack() as heaps:
        for count in counts:
            advance(f"making {power(count)} blocks")
            heap = heaps.enter_context(Heap(count * _REGION + _SLACK))
            people[OURS, count] = Population(heap.alloc, count)
            people[YARDSTICK, count] = Population(bytearray, count)
        cells = [
            cell
            for name, operate in OPERATIONS.items()
            for cell in _measure_one(name, operate, people, effort, advance)
        ]
        people.clear()
    return Live(cells, [count for count in effort.live if count not in counts])


def _affordable(counts: Sequence[int]) -> Iterator[int]:
    available = available_bytes()
    for count in counts:
        available -= count * _FOOTPRINT
        if available >= 0:
            yield count


def _measure_one(
    name: str,
    operate: Callable[[Population, int], float],
    people: dict[tuple[str, int], Population],
    effort: Effort,
    advance: Advance,
) -> Iterator[LiveCell]:
    advance(name)
    turns = {key: functools.partial(operate, one) for key, one in people.items()}
    found = in_turn(turns, effort.rounds, effort.turn)
    base = min(BASE, max((count for _, count in people), default=BASE))
    for (candidate, count), seconds in found.items():
        yield LiveCell(
            name,
            candidate,
            count,
            Figure.of(seconds),
            Figure.of_ratios(seconds, found[YARDSTICK, count]),
            Figure.of_ratios(seconds, found[candidate, base]),
        )
