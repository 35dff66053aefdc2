"""What one allocation costs, from 16 B to 64 MiB, beside what people would use instead."""

from __future__ import annotations

import timeit
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...console.table import table
from ...console.terminal import Terminal
from ...format.sizes import format_size
from ...heap import Heap
from ...replay.figure import Figure
from .candidates import (
    ALL,
    ARRAY,
    DROP,
    FILL,
    FIRST,
    OURS,
    TOUCH,
    VIEW,
    WITH,
    Candidate,
    installed,
    pages,
)
from .measuring import SPREAD, Advance, Effort, Headline, clock, in_turn
from .words import duration, pace, ratio, span

TITLE = "Allocate and drop"
CAPACITY = "1 GiB"
OPERATIONS = (DROP, VIEW, WITH, TOUCH, ARRAY, FILL, FIRST)
_SMALL, _MEDIUM, _LARGE = 64, 1 << 20, 64 << 20
_HEADLINES: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    (DROP, _SMALL, ("bytearray", "numpy", "mp.heap")),
    (WITH, _SMALL, ("bytearray",)),
    (TOUCH, _LARGE, ("numpy", "bytearray")),
    (ARRAY, _SMALL, ("numpy",)),
    (ARRAY, _MEDIUM, ("numpy",)),
    (ARRAY, _LARGE, ("numpy",)),
    (FILL, _SMALL, ("numpy",)),
    (FILL, _LARGE, ("numpy",)),
    (FIRST, _LARGE, ("numpy",)),
)
_ADVICE = {
    DROP: "nothing is read or written, but bytearray zeroes its memory.",
    VIEW: "a memoryview is made and dropped in between.",
    WITH: "heap.alloc(n) and mmap in a with that does nothing; the others, which have none, are "
    "allocated and dropped.",
    TOUCH: "one byte of each page is written through a memoryview. For rheap that is warm reuse: "
    "its pages were touched before and stay resident until trim(). malloc too keeps what is below "
    "its threshold (at most 32 MiB); above it, and with mmap, each block has new pages.",
    ARRAY: "heap.array(n, 'u1') beside numpy.empty(n, 'u1'); nothing is read or written.",
    FILL: "the same, and every byte is written. Where both have pages that were touched before, "
    "most of it is the writing.",
    FIRST: "heap.trim() gives the pages back at the end, as malloc does by itself with arrays of "
    "more than 32 MiB: so each is written in pages that are new.",
}


@dataclass(frozen=True, slots=True)
class SpeedCell:
    """One operation of one candidate at one size."""

    operation: str
    size: int  # bytes
    candidate: str
    seconds: Figure  # per operation
    ratio: Figure  # of rheap's time to its own


@dataclass(frozen=True, slots=True)
class Speed:
    """All of them."""

    cells: list[SpeedCell]

    def show(self, terminal: Terminal) -> None:
        """A table an operation: rheap's time, and how many times as fast it is as each other."""
        there = list(dict.fromkeys(cell.candidate for cell in self.cells))
        legend = [f"{one.name} = {one.expression.format(n='n')}" for one in ALL]
        terminal.say(
            "The first line is rheap's time, the others how many times as fast as each candidate "
            f"it is (below 1: slower), and below that the spread ({SPREAD}). "
            + "; ".join(legend)
            + "."
        )
        for operation in dict.fromkeys(cell.operation for cell in self.cells):
            terminal.say(f"{operation.capitalize()}: {_ADVICE[operation]}")
            cells = [cell for cell in self.cells if cell.operation == operation]
            terminal.output(_table_of(cells, there, terminal.columns))

    def headlines(self) -> list[Headline]:
        """What small and large blocks cost beside what others do."""
        found = {(cell.operation, cell.size, cell.candidate): cell for cell in self.cells}
        return [
            _headline(found[operation, size, other])
            for operation, size, others in _HEADLINES
            for other in others
            if (operation, size, other) in found
        ]


def _headline(cell: SpeedCell) -> Headline:
    ours, theirs = ({one.name: one for one in ALL}[name] for name in (OURS, cell.candidate))
    size = format_size(cell.size) if cell.size >= 1024 else str(cell.size)
    what = {
        WITH: f"with {ours.expression}",
        TOUCH: f"touch {ours.expression}, warm",
        FILL: f"write all of {ours.statements[ARRAY]}, warm",
        FIRST: f"write all of {ours.statements[ARRAY]}, in new pages",
    }.get(cell.operation, ours.statements[cell.operation])
    other = pace(cell.ratio, theirs.expression.format(n=size))
    return Headline(what.format(n=size), other)


def _table_of(cells: Sequence[SpeedCell], there: Sequence[str], width: int) -> str:
    sizes = list(dict.fromkeys(cell.size for cell in cells))
    found = {(cell.candidate, cell.size): cell for cell in cells}
    rows = [[OURS, *(duration(found[OURS, size].seconds.median) for size in sizes)]]
    for name in there:
        ours = [found.get((name, size)) for size in sizes]
        if name != OURS and any(ours):
            rows.append(
                [name, *(ratio(cell.ratio.inverse.median) if cell else "-" for cell in ours)]
            )
            rows.append(["", *(span(cell.ratio.inverse) if cell else "" for cell in ours)])
    return table(["", *map(format_size, sizes)], rows, width)


def measure(effort: Effort, advance: Advance) -> Speed:
    """Times every operation of every candidate at every size; what rheap alone has is left out."""
    there, names = installed()
    with Heap(CAPACITY) as heap:
        return Speed(
            [
                cell
                for operation in OPERATIONS
                for size in effort.sizes
                for cell in _measure_one(
                    operation, size, there, {**names, "heap": heap, **pages(size)}, effort, advance
                )
            ]
        )


def _measure_one(
    operation: str,
    size: int,
    there: Sequence[Candidate],
    names: dict[str, Any],
    effort: Effort,
    advance: Advance,
) -> Iterator[SpeedCell]:
    advance(f"{operation}: {format_size(size)}")
    turns = {
        one.name: timeit.Timer(
            one.statements[operation].format(n=size), timer=clock, globals=names
        ).timeit
        for one in there
        if one.does(operation, size)
    }
    if len(turns) < 2:
        return
    found = in_turn(turns, effort.rounds, effort.turn)
    for name, seconds in found.items():
        ratio = Figure.of_ratios(found[OURS], seconds)
        yield SpeedCell(operation, size, name, Figure.of(seconds), ratio)
