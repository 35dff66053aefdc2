"""Look at a replay: the region at one moment, or the whole run as one picture."""

from __future__ import annotations

import argparse
import itertools

from .. import _core
from ..console.terminal import Terminal
from ..pictures.heapmap import RegionMap
from ..pictures.summary import RegionStats, summary
from ..pictures.timeline import timeline_svg
from ..replay.measure import Scheme
from ..replay.timeline import play_timelines
from .arguments import (
    ArgumentError,
    add_exercise,
    add_heaps,
    load_trace,
    make_exercise,
    schemes_of,
    status_of,
)
from .shares import show_shares


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The trace or an exercise, the heaps, and which picture."""
    add_exercise(parser, traces="?")
    add_heaps(parser)
    parser.add_argument(
        "--at",
        metavar="peak|end|N",
        type=_moment,
        help="the region as text, at this moment; where the trace wants most if not given",
    )
    parser.add_argument(
        "--svg", metavar="FILE", help="the whole run, address by operation, as an SVG file"
    )


def run(options: argparse.Namespace) -> int:
    """Draws; returns the exit status."""
    return status_of("view", lambda: _draw(options))


def _draw(options: argparse.Namespace) -> None:
    if options.svg is not None and not options.svg.lower().endswith(".svg"):
        raise ArgumentError(f"--svg writes SVG, so its file ends in .svg, not {options.svg!r}")
    schemes = schemes_of(options)
    if options.trace:
        trace, capacity = load_trace(options, options.trace)
    else:
        _words, trace, capacity = make_exercise(options)
    if options.svg is not None:
        timelines = play_timelines(trace, schemes, capacity)
        with open(options.svg, "w", encoding="utf-8") as file:
            file.write(timeline_svg(trace.source, timelines))
    if options.at is not None or options.svg is None:
        _draw_moment(trace, schemes, capacity, "peak" if options.at is None else options.at)


def _draw_moment(trace: _core.Trace, schemes: list[Scheme], capacity: int, at: str | int) -> None:
    terminal = Terminal()
    number = _operations_until(trace, at)
    for scheme in schemes:
        inspection = scheme.inspect(trace, capacity)
        for _ in itertools.repeat(None, number):
            inspection.step()
        terminal.heading(
            f"{trace.source}, {scheme.name} ({scheme.coalesce}), "
            f"after {number:,} of {len(trace):,} operations"
        )
        figures = summary(RegionStats(**inspection.region()))
        terminal.output(RegionMap.of_rows(inspection.rows(), capacity), ", ".join(figures))
    show_shares(terminal, trace, number)


def _operations_until(trace: _core.Trace, at: str | int) -> int:
    """How many operations are played by then. The peak is the trace's, whatever a heap refused: so
    `rheap replay` takes it, too."""
    if at == "peak":
        return trace.peak_operation + 1
    if isinstance(at, str):
        return len(trace)
    if at > len(trace):
        raise ArgumentError(f"the trace has {len(trace):,} operations, so none is number {at}")
    return at


def _moment(text: str) -> str | int:
    if text in ("peak", "end"):
        return text
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither peak nor end nor a number of operations")
