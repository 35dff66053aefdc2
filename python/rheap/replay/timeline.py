"""What became of a trace on heaps, played for a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from .. import _core
from ..console.progress import Progress
from ..pictures.run import COLUMNS, ROWS, Band, Curves, Range, Timeline
from .measure import Scheme, placing_of

FEW = 2000  # operations: up to here each block is a band of its own


def play_timelines(trace: _core.Trace, schemes: Sequence[Scheme], capacity: int) -> list[Timeline]:
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
        Timeline(
            trace.source,
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
