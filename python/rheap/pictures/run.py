"""What a picture of a run is made of. Replays make it; timeline.py draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

COLUMNS, ROWS = 900, 320  # cells of the raster, a pixel each


class Range(NamedTuple):
    """What a quantity was after the operations of a column."""

    least: float
    most: float
    last: float


class Band(NamedTuple):
    """A block at one place, from the operation that made it or moved it there to the one that freed
    it or moved it away (the number of operations if none did). `offset`: of its payload in the
    region, as `Block.offset`; `size`: bytes, its word included; `asked`: what was asked for;
    `moved_from`, `moved_to`: the offsets, if it was moved."""

    born: int
    died: int
    offset: int
    size: int
    asked: int
    moved_from: int | None = None
    moved_to: int | None = None


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


class Packing(Protocol):
    """What an allocator made of its memory: the figures above a picture."""

    @property
    def peak_utilisation(self) -> float: ...
    @property
    def ratio_to_ceiling(self) -> float: ...
    @property
    def requests(self) -> int: ...
    @property
    def failed(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Timeline:
    """What became of a trace on one heap. `source`: the trace's name, `name`: the heap's.

    `operations` share the columns, `extent` bytes the rows. Short runs have `bands`; of others
    there are `cells`: which part of each cell was live in the mean, a byte each from 0 to 255, row
    by row from the lowest address.
    """

    source: str
    name: str
    placing: Packing
    operations: int
    extent: int
    curves: Curves
    bands: tuple[Band, ...]
    cells: bytes
