"""Runs played for the page: what the program asked for, and what each heap made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import _core
from ..console.progress import Progress
from ..pictures.run import COLUMNS, ROWS
from ..replay.measure import Placing, Scheme, placing_of

SHORT = 20_000
"""Operations: up to here the free lists are noted."""

LONG = 100_000
"""Operations: from here on the page has a picture to show while it reads the blocks."""


@dataclass(frozen=True, slots=True)
class PlayedTrace:
    """A trace, and its operations column by column."""

    trace: _core.Trace
    columns: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class PlayedRun:
    """What a heap of `capacity` bytes made of a trace (by its number).

    `columns`: what each operation changed, see cpp/replay/narration.hpp. `overview`: of long runs
    the part of each cell that was live, a byte each, row by row from the lowest address.
    """

    trace: int
    scheme: Scheme
    capacity: int
    placing: Placing
    columns: dict[str, bytes]
    overview: bytes

    @property
    def has_lists(self) -> bool:
        """Whether its columns tell of the free lists."""
        return len(self.columns["splices"]) > 0


def play(
    traces: Sequence[tuple[_core.Trace, int]], schemes: Sequence[Scheme]
) -> tuple[list[PlayedTrace], list[PlayedRun]]:
    """Plays each trace, on heaps of the capacity beside it, with each scheme."""
    runs = [
        _play(number, trace, capacity, scheme)
        for number, (trace, capacity) in enumerate(traces)
        for scheme in schemes
    ]
    return [PlayedTrace(trace, _core.trace_columns(trace)) for trace, _ in traces], runs


def _play(number: int, trace: _core.Trace, capacity: int, scheme: Scheme) -> PlayedRun:
    operations = len(trace)
    inspection = scheme.inspect(trace, capacity)
    with Progress(f"playing {trace.source}: {scheme.name}", operations) as progress:
        timeline, columns = inspection.narrate(
            min(COLUMNS, operations), operations <= SHORT, progress.advance
        )
    placing = placing_of(trace, inspection)
    overview = timeline.raster(ROWS, max(placing.extent, 1)) if operations >= LONG else b""
    return PlayedRun(number, scheme, capacity, placing, columns, overview)
