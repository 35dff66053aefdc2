"""What one allocation costs, from 16 B to 64 MiB, beside what people would use instead."""

from __future__ import annotations

import timeit
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..figure import Figure
from ..heap import Heap
from ..sizes import format_size
from ..terminal import Terminal
from .contestants import ALL, DROP, OURS, TOUCH, VIEW, WITH, Contestant, installed, pages
from .measuring import SPREAD, Advance, Effort, Headline, clock, in_turn
from .tables import duration, part, span, table

TITLE = "Allocate and drop"
CAPACITY = "1 GiB"
OPERATIONS = (DROP, VIEW, WITH, TOUCH)
_SMALL, _LARGE = 64, 64 << 20
_HEADLINES: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    (DROP, _SMALL, ("bytearray", "numpy", "mp.heap")),
    (WITH, _SMALL, ("bytearray",)),
    (TOUCH, _LARGE, ("numpy", "bytearray")),
)
_ADVICE = {
    DROP: "nothing is read or written, but bytearray zeroes its memory.",
    VIEW: "a memoryview is made and dropped in between.",
    WITH: "heap.alloc(n) and mmap in a with that does nothing; the others, which have none, are "
    "allocated and dropped.",
    TOUCH: "one byte of each page is written through a memoryview. For rheap that is warm reuse: "
    "its pages were touched before and stay resident until trim(). malloc too keeps what is below "
    "its threshold (at most 32 MiB); above it, and with mmap, each block has new pages.",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One operation of one contestant at one size."""

    operation: str
    size: int  # bytes
    contestant: str
    seconds: Figure  # per operation
    part: Figure  # that rheap's time is of it


@dataclass(frozen=True, slots=True)
class Speed:
    """All of them."""

    cells: list[Cell]

    def show(self, terminal: Terminal) -> None:
        """A table an operation: rheap's time, and what part it is of each other's."""
        there = list(dict.fromkeys(cell.contestant for cell in self.cells))
        legend = [f"{one.name} = {one.expression.format(n='n')}" for one in ALL]
        terminal.say(
            f"The first line is rheap's time, the others what part it is of each contestant's, and "
            f"below that the spread ({SPREAD}). " + "; ".join(legend) + "."
        )
        for operation in OPERATIONS:
            terminal.say(f"{operation.capitalize()}: {_ADVICE[operation]}")
            cells = [cell for cell in self.cells if cell.operation == operation]
            terminal.output(_table_of(cells, there, terminal.columns))

    def headlines(self) -> list[Headline]:
        """What small and large blocks cost, as parts of what others do."""
        found = {(cell.operation, cell.size, cell.contestant): cell for cell in self.cells}
        return [
            Headline(_in_words(operation, size, other), found[operation, size, other].part)
            for operation, size, others in _HEADLINES
            for other in others
            if (operation, size, other) in found
        ]


def _in_words(operation: str, size: int, other: str) -> str:
    ours, theirs = ({one.name: one for one in ALL}[name] for name in (OURS, other))
    if operation == TOUCH:
        n = format_size(size)
        return f"touch {ours.expression.format(n=n)}, warm, of {theirs.expression.format(n=n)}"
    return f"{ours.statements[operation].format(n=size)} of {theirs.expression.format(n=size)}"


def _table_of(cells: Sequence[Cell], there: Sequence[str], width: int) -> str:
    sizes = list(dict.fromkeys(cell.size for cell in cells))
    found = {(cell.contestant, cell.size): cell for cell in cells}
    rows = [[OURS, *(duration(found[OURS, size].seconds.median) for size in sizes)]]
    for name in there:
        if name != OURS:
            ours = [found.get((name, size)) for size in sizes]
            rows.append([name, *(part(cell.part.median) if cell else "-" for cell in ours)])
            rows.append(["", *(span(cell.part) if cell else "" for cell in ours)])
    rows = [row for row in rows if any(row)]
    return table(["", *map(format_size, sizes)], rows, width)


def measure(effort: Effort, advance: Advance) -> Speed:
    """Times every operation of every contestant at every size."""
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
    there: Sequence[Contestant],
    names: dict[str, Any],
    effort: Effort,
    advance: Advance,
) -> Iterator[Cell]:
    advance(f"{operation}: {format_size(size)}")
    turns = {
        one.name: timeit.Timer(
            one.statements[operation].format(n=size), timer=clock, globals=names
        ).timeit
        for one in there
        if one.fits(size)
    }
    found = in_turn(turns, effort.rounds, effort.turn)
    for name, seconds in found.items():
        ratio = Figure.of_parts(found[OURS], seconds)
        yield Cell(operation, size, name, Figure.of(seconds), ratio)
