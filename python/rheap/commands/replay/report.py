"""The figures of replays, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ... import _core
from ...console.terminal import Terminal
from ...format.names import printable
from ...format.sizes import format_size
from ...replay.measure import Overall, Placing, Report, Result, Timing, over_all, ratio_to_malloc

Row = tuple[str, list[str]]


def as_json(reports: Sequence[Report]) -> dict[str, Any]:
    """All figures: bytes, nanoseconds, and ratios from 0 to 1."""
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
        "over_all": [asdict(each) for each in over_all(reports)],
    }


def _result_as_json(report: Report, result: Result) -> dict[str, Any]:
    found = {**asdict(result), "ratio_to_malloc": ratio_to_malloc(report, result)}
    if result.placing is not None:
        found["ratio_to_ceiling"] = result.placing.ratio_to_ceiling
        found["score"] = {**asdict(result.placing.score), "sum": result.placing.score.sum}
    return found


def show(terminal: Terminal, report: Report) -> None:
    """A table for one trace: a column for each allocator."""
    terminal.heading(report.trace)
    terminal.say(
        f"{report.operations:,} operations; at most {report.peak_bytes:,} bytes live, which are "
        f"{report.ceiling:.1%} of what their blocks take: no utilisation can be higher. Where a "
        "reallocation moves its block both must exist at once, which lowers that ceiling. "
        f"Heaps of {format_size(report.capacity)}. Fragmentation is the part of the bytes in holes "
        "that the largest hole does not have; the wilderness is one of them."
        + (" Compactions are not timed." if report.compactions and _is_timed(report) else "")
        + (
            f" malloc is that of {printable(_core.malloc_library())}."
            if report.against_malloc
            else ""
        )
    )
    terminal.table(["", *(result.allocator for result in report.results)], _rows(report))


def _is_timed(report: Report) -> bool:
    return any(result.timing is not None for result in report.results)


def show_over_all(terminal: Terminal, reports: Sequence[Report]) -> None:
    """A table for several traces together: a column for each allocator."""
    if len(reports) < 2:
        return
    found = over_all(reports)
    terminal.heading(f"Over {len(reports)} traces")

    def row(name: str, figure: Callable[[Overall], float | None], form: str) -> Row:
        values = [figure(each) for each in found]
        return name, ["-" if value is None else f"{value:{form}}" for value in values]

    rows: list[Row] = [
        ("coalescing", [each.coalesce or "-" for each in found]),
        row("utilisation, of the ceiling", lambda each: each.ratio_to_ceiling, ".1%"),
        row("  least", lambda each: each.least_ratio_to_ceiling, ".1%"),
        row("blocks visited, mean", lambda each: each.visited_mean, ".2f"),
        row("  most", lambda each: each.visited_most, ",d"),
        row("ns per operation, of malloc's", lambda each: each.ratio_to_malloc, ".2f"),
    ]
    terminal.table(["", *(each.allocator for each in found)], list(_known(rows)))


def _known(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows in which at least one column has a figure."""
    return ((name, cells) for name, cells in rows if any(cell != "-" for cell in cells))


def _rows(report: Report) -> list[Row]:
    """All rows; an allocator without a figure has a dash."""
    results = report.results

    def row(name: str, figure: Callable[[Result], str | None]) -> Row:
        return name, [figure(result) or "-" for result in results]

    def timed(name: str, figure: Callable[[Timing], str]) -> Row:
        return row(name, lambda result: figure(result.timing) if result.timing else None)

    def placed(name: str, figure: Callable[[Placing], str]) -> Row:
        return row(name, lambda result: figure(result.placing) if result.placing else None)

    def ratio(result: Result) -> str | None:
        ratio = ratio_to_malloc(report, result)
        return None if ratio is None else f"{ratio:.2f}"

    rows = [
        row("coalescing", lambda result: result.coalesce),
        timed("ns per operation", lambda timing: f"{timing.per_operation:.1f}"),
        row("  of malloc's", ratio),
        timed("99.9 % of operations, ns", lambda timing: f"{timing.p999:,}"),
        timed("longest operation, ns", lambda timing: f"{timing.longest:,}"),
        placed("peak utilisation", lambda placing: f"{placing.peak_utilisation:.1%}"),
        placed("  of the ceiling", lambda placing: f"{placing.ratio_to_ceiling:.1%}"),
        placed("fragmentation at the peak", lambda p: f"{p.at_peak.fragmentation:.1%}"),
        placed("  once merged", lambda p: f"{p.at_peak.fragmentation_merged:.1%}"),
        placed("fragmentation at the end", lambda p: f"{p.at_end.fragmentation:.1%}"),
        placed("  once merged", lambda p: f"{p.at_end.fragmentation_merged:.1%}"),
        placed("largest request at the end", lambda p: format_size(p.at_end.largest_now)),
        placed("  once merged", lambda p: format_size(p.at_end.largest_merged)),
        placed("failed requests", lambda placing: f"{placing.failed:,}"),
        placed("blocks visited, mean", lambda placing: f"{placing.visited_mean:.2f}"),
        placed("blocks visited, most", lambda placing: f"{placing.visited_most:,}"),
        placed("  merged or split too, most", lambda placing: f"{placing.work_most:,}"),
        placed("points for utilisation, of 60", lambda placing: f"{placing.score.utilisation:.1f}"),
        placed("points for work, of 40", lambda placing: f"{placing.score.work:.1f}"),
        placed("  both", lambda placing: f"{placing.score.sum:.1f}"),
    ]
    return list(_known(rows))
