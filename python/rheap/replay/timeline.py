"""What became of a trace on a heap, summed up in the columns of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from .. import _core
from ..console.progress import Progress
from .measure import Placing, Scheme, placing_of

COLUMNS, ROWS = 900, 320  # cells of the raster, a pixel each
FEW = 2000  # operations: up to here each block is a band of its own


class Range(NamedTuple):
    """What a quantity was after the operations of a column."""

    least: float
    most: float
    last: float


class Band(NamedTuple):
    """A block, from the operation that made it to the one that freed it (the number of operations
    if none did). `offset`: of its payload in the region, as `Block.offset`; `size`: bytes, its
    word included; `asked`: what was asked for."""

    born: int
    died: int
    offset: int
    size: int
    asked: int


@dataclass(frozen=True, slots=True)
class Curves:
    """A range for each column. In bytes: of live blocks with their words, of what is free below
    the wilderness, from the first block to the wilderness (`extent`). `fragmentation`: as
    `HeapStats.fragmentation_merged`. `utilisation`: the payload that was asked for as a part of
    the extent."""

    live: tuple[Range, ...]
    free: tuple[Range, ...]
    extent: tuple[Range, ...]
    fragmentation: tuple[Range, ...]
    utilisation: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What became of a trace on one heap.

    `operations` share the columns, `extent` bytes the rows. Short runs have `bands`; of others
    there are `cells`: which part of each cell was live in the mean, a byte each from 0 to 255, row
    by row from the lowest address.
    """

    name: str
    placing: Placing
    operations: int
    extent: int
    curves: Curves
    bands: tuple[Band, ...]
    cells: bytes

    @classmethod
    def of_all(cls, trace: _core.Trace, schemes: Sequence[Scheme], capacity: int) -> list[Timeline]:
        """One for each scheme, all on the same axes."""
        operations = len(trace)
        played = []
        with Progress(f"playing {trace.source}", len(schemes) * operations) as progress:
            for turn, scheme in enumerate(schemes):
                inspection = scheme.inspect(trace, capacity)
                tell = partial(_tell, progress, turn * operations)
                timeline = inspection.timeline(min(COLUMNS, operations), tell)
                played.append((scheme, placing_of(trace, inspection), timeline))
        extent = max(1, *(placing.extent for _, placing, _ in played))
        few = operations <= FEW
        return [
            cls(
                f"{scheme.name}, coalescing {scheme.coalesce}",
                placing,
                operations,
                extent,
                Curves(**{
                    name: tuple(Range(*each) for each in ranges)
                    for name, ranges in timeline.curves().items()
                }),
                tuple(Band(*band) for band in timeline.bands()) if few else (),
                b"" if few else timeline.raster(ROWS, extent),
            )
            for scheme, placing, timeline in played
        ]  # fmt: skip


def _tell(progress: Progress, before: int, done: int) -> None:
    progress.advance(before + done)
