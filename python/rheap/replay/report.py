"""The figures of replays, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from .. import _core
from ..sizes import format_size
from ..terminal import Terminal
from .measure import Placing, Report, Result, Timing, geometric_means, part_of_malloc

Row = tuple[str, list[str]]


def as_json(reports: Sequence[Report]) -> dict[str, Any]:
    """All figures: bytes, nanoseconds, and parts from 0 to 1."""
    return {
        "malloc": _core.malloc_library()
        if any(report.against_malloc for report in reports)
        else None,
        "traces": [
            {
                **asdict(report),
                "results": [_result_as_json(report, result) for result in report.results],
            }
            for report in reports
        ],
        "geometric_means": [
            {"allocator": allocator, "coalesce": coalesce, "part_of_malloc": mean}
            for (allocator, coalesce), mean in geometric_means(reports).items()
        ],
    }


def _result_as_json(report: Report, result: Result) -> dict[str, Any]:
    found = {**asdict(result), "part_of_malloc": part_of_malloc(report, result)}
    if result.placing is not None:
        found["score"] = result.placing.score
    return found


def show(terminal: Terminal, report: Report) -> None:
    """A table for one trace: a column for each allocator."""
    terminal.heading(report.trace)
    terminal.say(
        f"{report.operations:,} operations; at most {report.peak_bytes:,} bytes live, which are "
        f"{report.ceiling:.1%} of what their blocks take: no utilisation can be higher. "
        f"Heaps of {format_size(report.capacity)}. Holes and fragmentation are of what lies below "
        "the wilderness."
        + (f" malloc is that of {_core.malloc_library()}." if report.against_malloc else "")
    )
    terminal.table(["", *(result.allocator for result in report.results)], _rows(report))


def show_means(terminal: Terminal, reports: Sequence[Report]) -> None:
    """Over several traces: a line for each allocator that was timed beside malloc."""
    means = geometric_means(reports)
    if len(reports) < 2 or not means:
        return
    terminal.heading(f"Geometric mean over {len(reports)} traces")
    rows: list[Row] = [
        (" ".join(filter(None, key)), [f"{mean:.2f}"]) for key, mean in means.items()
    ]
    terminal.table(["ns per operation", "of malloc's"], rows)


def _rows(report: Report) -> list[Row]:
    """The rows in which somebody has a figure; who has none there has a dash."""
    results = report.results

    def row(name: str, figure: Callable[[Result], str | None]) -> Row:
        return name, [figure(result) or "-" for result in results]

    def timed(name: str, figure: Callable[[Timing], str]) -> Row:
        return row(name, lambda result: figure(result.timing) if result.timing else None)

    def placed(name: str, figure: Callable[[Placing], str]) -> Row:
        return row(name, lambda result: figure(result.placing) if result.placing else None)

    def ratio(result: Result) -> str | None:
        part = part_of_malloc(report, result)
        return None if part is None else f"{part:.2f}"

    rows = [
        row("coalescing", lambda result: result.coalesce),
        timed("ns per operation", lambda timing: f"{timing.per_operation:.1f}"),
        row("  of malloc's", ratio),
        timed("99.9 % of operations, ns", lambda timing: f"{timing.p999:,}"),
        timed("longest operation, ns", lambda timing: f"{timing.longest:,}"),
        placed("peak utilisation", lambda placing: f"{placing.peak_utilisation:.1%}"),
        placed("  of the ceiling", lambda placing: f"{placing.part_of_ceiling:.1%}"),
        placed("fragmentation at the peak", lambda p: f"{p.fragmentation_at_peak:.1%}"),
        placed("fragmentation at the end", lambda p: f"{p.fragmentation_at_end:.1%}"),
        placed("largest hole at the end", lambda placing: format_size(placing.largest_hole)),
        placed("failed requests", lambda placing: f"{placing.failed:,}"),
        placed("blocks visited, mean", lambda placing: f"{placing.visited_mean:.2f}"),
        placed("blocks visited, most", lambda placing: f"{placing.visited_most:,}"),
        placed("  merged or split too, most", lambda placing: f"{placing.work_most:,}"),
        placed("score", lambda placing: f"{placing.score:.1f}"),
    ]
    return [(name, cells) for name, cells in rows if any(cell != "-" for cell in cells)]
