"""What the page is told of its data: names, figures, colours, and how long each column is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _core
from ..format.names import printable
from ..pictures.palette import (
    COLOURS,
    FREE,
    LEGEND,
    LIVE,
    NAMES,
    OTHER,
    PALE,
    SCALE,
    WILDERNESS,
    WORD,
)
from ..pictures.run import ROWS
from ..reports import BlockState
from .recording import PlayedRun, PlayedTrace


def describe(traces: Sequence[PlayedTrace], runs: Sequence[PlayedRun]) -> dict[str, Any]:
    """The description, as JSON has it."""
    several = len(traces) > 1
    return {
        "first_block": _core.FIRST_BLOCK,
        "quick_lists": _core.QUICK_LISTS,
        "list_sizes": _core.list_sizes(),
        "palette": _palette(),
        "traces": [_trace(trace) for trace in traces],
        "runs": [_run(run, traces[run.trace], named=several) for run in runs],
    }


def _trace(played: PlayedTrace) -> dict[str, Any]:
    trace = played.trace
    return {
        "name": trace.source,
        "operations": len(trace),
        "allocations": trace.allocations,
        "peak": trace.peak_operation + 1,
        "sites": [printable(name) for name in trace.site_names],
        "columns": _lengths(played.columns),
    }


def _run(run: PlayedRun, played: PlayedTrace, *, named: bool) -> dict[str, Any]:
    heap = f"{run.scheme.name}, coalescing {run.scheme.coalesce}"
    placing = run.placing
    overview = {"columns": len(run.overview) // ROWS, "rows": ROWS} if run.overview else None
    return {
        "trace": run.trace,
        "name": f"{played.trace.source}: {heap}" if named else heap,
        "coalesce": run.scheme.coalesce,
        "capacity": run.capacity,
        "extent": max(placing.extent, _core.WORD_BYTES),
        "quick_limit": _core.list_sizes()[_core.QUICK_LISTS - 1],
        "has_lists": run.has_lists,
        "placing": {
            "utilisation": placing.peak_utilisation,
            "ceiling": placing.ratio_to_ceiling,
            "failed": placing.failed,
            "requests": placing.requests,
        },
        "overview": overview,
        "columns": _lengths(run.columns),
    }


def _lengths(columns: dict[str, bytes]) -> dict[str, int]:
    return {name: len(column) for name, column in columns.items()}


def _palette() -> dict[str, Any]:
    names = {
        "word": WORD,
        "live": LIVE,
        "deferred": BlockState.DEFERRED.value,
        "free": FREE,
        "wilderness": WILDERNESS,
        "lingering": BlockState.LINGERING.value,
    }
    kinds = {
        name: {
            "sign": LEGEND[kind][0],
            "name": LEGEND[kind][1],
            "colour": COLOURS[kind],
            "pale": kind in PALE,
        }
        for name, kind in names.items()
    }
    return {"kinds": kinds, "scale": SCALE, "names": NAMES, "other": OTHER}
