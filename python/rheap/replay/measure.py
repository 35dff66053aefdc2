"""What a replay measures, and in which order.

Three kinds of passes, each over the whole trace:

- untimed: each payload is filled with a pattern of its own, which must be there when its block is
  resized or freed and at the end; `check()` verifies the heap. (Of payloads over 1 MiB the first
  and the last MiB.) Places, extent, free space and work are of this pass.
- timed: the loop is compiled and the clock is read around slices of it. All allocators take turns.
  Each allocation's first byte is written. What the trace leaves live is released behind each run,
  outside the clock. The first three runs of each are not counted, since glibc adapts its
  thresholds in them; in the others the allocator is warm and its pages are in memory. Of rheap the
  core is timed, without handles, lock and Python objects. Compactions are left out, of rheap too:
  what is compared is what every allocator can do.
- latency: the least that each operation took in five replays, one reading of the clock included.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .. import _core
from ..console.progress import Progress
from .own import OwnPolicy

LATENCY_REPLAYS = 5
WARMING_RUNS = 3
MALLOC = "malloc"
_SMALLEST_CAPACITY = 1 << 20  # bytes, of a heap for a trace


@dataclass(frozen=True, slots=True)
class Scheme:
    """A heap to replay on: `policy` by its name or one's own, `coalesce` as `Heap` takes it."""

    policy: str | OwnPolicy
    coalesce: str

    @property
    def name(self) -> str:
        """The name of the policy."""
        return self.policy if isinstance(self.policy, str) else self.policy.name

    def inspect(self, trace: _core.Trace, capacity: int) -> _core.Inspection:
        """An untimed pass, at its beginning."""
        immediate = self.coalesce == "immediate"
        return _core.Inspection(trace, capacity, immediate, self.policy)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long operations take, in nanoseconds.

    `per_operation`: the median over the runs. `p999`, `longest`: of each operation's least.
    """

    per_operation: float
    p999: int
    longest: int


@dataclass(frozen=True, slots=True)
class Room:
    """What could be had at one moment; each figure means what it does in `HeapStats`."""

    largest_now: int
    largest_merged: int
    fragmentation: float
    fragmentation_merged: float


@dataclass(frozen=True, slots=True)
class Placing:
    """How well an allocator used its memory, and how much work that took.

    `peak_utilisation`: peak live payload, as asked for, by `extent`, the bytes from the first block
    to the highest wilderness. `ceiling`: the most that it can be on this trace with a word of 8
    bytes, padding to 8 bytes and a smallest block of 24, if no byte were lost between blocks. A
    reallocation that moved its block counts as both blocks, since they must exist at once.
    `at_peak`: after the operation where the trace wants most. `requests`: allocations and
    reallocations; those that were refused `failed`, and what is then done with that block is left
    out. `visited_mean`: blocks that a request looked at. `visited_most`, `work_most`: blocks that
    one operation, frees too, looked at, and those that it looked at, merged or split; compactions
    are not counted.
    """

    peak_live_bytes: int
    extent: int
    peak_utilisation: float
    ceiling: float
    at_peak: Room
    at_end: Room
    requests: int
    failed: int
    visited_mean: float
    visited_most: int
    work_most: int

    @property
    def ratio_to_ceiling(self) -> float:
        """The ratio of the utilisation to the highest possible."""
        return self.peak_utilisation / self.ceiling if self.ceiling else 1.0

    @property
    def score(self) -> Score:
        """The two figures in points: see `Score`."""
        ease = 1 / (1 + math.log10(max(self.visited_mean, 1)))
        served = 1 - self.failed / self.requests if self.requests else 1.0
        return Score(60 * self.ratio_to_ceiling * served, 40 * ease * served)


@dataclass(frozen=True, slots=True)
class Score:
    """Points for utilisation, up to 60, and for work, up to 40, as in CS:APP's malloc lab.

    Utilisation counts as a part of the ceiling. Work counts not by the clock but by the blocks that
    a request visits: all 40 for one, half of them for ten, a third for a hundred. Both count for
    the part of the requests that was served. The sum hides which of the two it is: a heap that
    packs badly in few steps may have more than one that packs well in many.
    """

    utilisation: float
    work: float

    @property
    def sum(self) -> float:
        """The sum of both, 0 to 100."""
        return self.utilisation + self.work


@dataclass(frozen=True, slots=True)
class Result:
    """One allocator on one trace. Exercises and policies of one's own are not timed; malloc is
    timed only."""

    allocator: str
    coalesce: str | None
    timing: Timing | None
    placing: Placing | None


@dataclass(frozen=True, slots=True)
class Report:
    """All results for one trace. `capacity`: bytes of each heap."""

    trace: str
    operations: int
    compactions: int
    """How many of these are compactions: no times are of them."""
    peak_bytes: int
    ceiling: float
    capacity: int
    results: tuple[Result, ...]
    """Malloc's, if it was measured, last."""

    @property
    def against_malloc(self) -> bool:
        """Whether malloc was measured too."""
        return self.results[-1].allocator == MALLOC

    @classmethod
    def of(cls, trace: _core.Trace, capacity: int, results: Sequence[Result]) -> Report:
        """The results for this trace."""
        return cls(
            trace=trace.source,
            operations=len(trace),
            compactions=trace.compactions,
            peak_bytes=trace.peak_bytes,
            ceiling=_ceiling(trace),
            capacity=capacity,
            results=tuple(results),
        )


@dataclass(frozen=True, slots=True)
class Overall:
    """One allocator on several traces, utilisation and work apart.

    `ratio_to_ceiling`, `ratio_to_malloc`: the geometric mean over the traces; `visited_mean`: the
    mean; `least_ratio_to_ceiling`, `visited_most`: the worst of them.
    """

    allocator: str
    coalesce: str | None
    ratio_to_ceiling: float | None
    least_ratio_to_ceiling: float | None
    visited_mean: float | None
    visited_most: int | None
    ratio_to_malloc: float | None


def capacity_for(trace: _core.Trace, least: int = _SMALLEST_CAPACITY) -> int:
    """Twice what the trace's blocks take at their peak, and at least `least` bytes.

    So a policy may waste as much as it uses before anything fails, and the heap counts as tight
    when it does: a heap without an end would never merge for want of room.
    """
    return min(max(2 * trace.peak_block_bytes, least), _core.CAPACITY_LIMIT)


def measure(
    trace: _core.Trace,
    schemes: Sequence[Scheme],
    *,
    capacity: int,
    against_malloc: bool,
    repeat: int,
) -> Report:
    """Replays a trace on each scheme, and on malloc if wanted; times `repeat` runs of each."""
    placings = [inspect(trace, scheme, capacity) for scheme in schemes]
    watches: dict[int, _core.HeapWatch | _core.MallocWatch] = {
        number: _core.HeapWatch(trace, capacity, scheme.coalesce == "immediate", scheme.policy)
        for number, scheme in enumerate(schemes)
        if isinstance(scheme.policy, str)
    }
    if against_malloc:
        watches[len(schemes)] = _core.MallocWatch(trace)
    timings = _take_times(trace, watches, repeat)
    results = [
        Result(scheme.name, scheme.coalesce, timings.get(number), placing)
        for number, (scheme, placing) in enumerate(zip(schemes, placings, strict=True))
    ]
    if against_malloc:
        results.append(Result(MALLOC, None, timings[len(schemes)], None))
    return Report.of(trace, capacity, results)


def inspect(trace: _core.Trace, scheme: Scheme, capacity: int) -> Placing:
    """The untimed pass; raises `HeapCorruption` for a payload or a heap that is not whole."""
    inspection = scheme.inspect(trace, capacity)
    with Progress(f"{trace.source}: {scheme.name}", len(trace)) as progress:
        inspection.finish(progress.advance)
    return placing_of(trace, inspection)


def placing_of(trace: _core.Trace, inspection: _core.Inspection) -> Placing:
    """What an untimed pass found so far."""
    found = inspection.figures()
    requests = found["requests"]
    return Placing(
        peak_live_bytes=found["peak_live_bytes"],
        extent=found["extent"],
        peak_utilisation=found["peak_live_bytes"] / found["extent"] if found["extent"] else 0.0,
        ceiling=(
            found["peak_live_bytes"] / found["peak_block_bytes"]
            if found["peak_block_bytes"]
            else _ceiling(trace)
        ),
        at_peak=Room(**found["at_peak"]),
        at_end=Room(**found["at_end"]),
        requests=requests,
        failed=found["failed"],
        visited_mean=found["visited"] / requests if requests else 0.0,
        visited_most=found["visited_most"],
        work_most=found["work_most"],
    )


def _ceiling(trace: _core.Trace) -> float:
    return trace.peak_bytes / trace.peak_block_bytes


def _take_times(
    trace: _core.Trace,
    watches: dict[int, _core.HeapWatch | _core.MallocWatch],
    repeat: int,
) -> dict[int, Timing]:
    runs: dict[int, list[int]] = {number: [] for number in watches}
    passes = len(watches) * (WARMING_RUNS + repeat + LATENCY_REPLAYS)
    timings = {}
    with Progress(f"{trace.source}: timed", passes) as progress:
        done = 0
        for _ in range(WARMING_RUNS + repeat):
            for number, watch in watches.items():
                runs[number].append(watch.run())
                done += 1
                progress.advance(done)
        for number, watch in watches.items():
            p999, longest = watch.latency(LATENCY_REPLAYS)
            median = statistics.median(runs[number][WARMING_RUNS:])
            timings[number] = Timing(median / len(trace), p999, longest)
            done += LATENCY_REPLAYS
            progress.advance(done)
    return timings


def over_all(reports: Sequence[Report]) -> list[Overall]:
    """A line for each allocator that was on all of the traces."""
    columns = zip(*(report.results for report in reports), strict=True)
    return [_over(reports, results) for results in columns]


def _over(reports: Sequence[Report], results: Sequence[Result]) -> Overall:
    placings = [result.placing for result in results if result.placing is not None]
    ratios = [
        ratio
        for report, result in zip(reports, results, strict=True)
        if (ratio := ratio_to_malloc(report, result)) is not None
    ]
    packed = [placing.ratio_to_ceiling for placing in placings]
    return Overall(
        results[0].allocator,
        results[0].coalesce,
        ratio_to_ceiling=statistics.geometric_mean(packed) if packed and min(packed) > 0 else None,
        least_ratio_to_ceiling=min(packed, default=None),
        visited_mean=statistics.mean(each.visited_mean for each in placings) if packed else None,
        visited_most=max((placing.visited_most for placing in placings), default=None),
        ratio_to_malloc=statistics.geometric_mean(ratios) if ratios else None,
    )


def ratio_to_malloc(report: Report, result: Result) -> float | None:
    """The ratio of the nanoseconds per operation to malloc's in the same run."""
    malloc = report.results[-1]
    if not report.against_malloc or malloc.timing is None or result.timing is None:
        return None
    return result.timing.per_operation / malloc.timing.per_operation
