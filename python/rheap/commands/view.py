"""Look at a replay: the region at one moment, the whole run as a page or as one picture."""

from __future__ import annotations

import argparse
import itertools
from contextlib import ExitStack

from .. import _core
from ..console.terminal import Terminal
from ..pictures.heapmap import RegionMap
from ..pictures.summary import RegionStats, summary
from ..pictures.timeline import timeline_svg
from ..player.page import page
from ..player.recording import play
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
from .output import Output
from .shares import show_shares

_Traces = list[tuple[_core.Trace, int]]  # each with the capacity of its heaps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The traces or an exercise, the heaps, and which picture."""
    add_exercise(parser, traces="*")
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
    parser.add_argument(
        "-o",
        metavar="FILE.html",
        dest="page",
        help="the run as a page for a browser: to play, to zoom, to ask; it needs no network",
    )


def run(options: argparse.Namespace) -> int:
    """Draws; returns the exit status."""
    return status_of("view", lambda: _draw(options))


def _draw(options: argparse.Namespace) -> None:
    _verify_ending("--svg", options.svg, "SVG", ".svg")
    _verify_ending("-o", options.page, "HTML", ".html")
    schemes = schemes_of(options)
    with ExitStack() as outputs:
        # What cannot be written is found before anything is played.
        drawing, written = (
            outputs.enter_context(Output(path)) if path is not None else None
            for path in (options.svg, options.page)
        )
        traces = _load(options)
        if drawing is not None:
            timelines = [
                timeline
                for trace, capacity in traces
                for timeline in play_timelines(trace, schemes, capacity)
            ]
            drawing.write([timeline_svg(timelines)])
        if written is not None:
            written.write(page(*play(traces, schemes)))
    if options.at is not None or options.svg is options.page is None:
        for trace, capacity in traces:
            _draw_moment(trace, schemes, capacity, "peak" if options.at is None else options.at)


def _verify_ending(option: str, path: str | None, format_: str, ending: str) -> None:
    if path is not None and not path.lower().endswith(ending):
        raise ArgumentError(
            f"{option} writes {format_}, so its file ends in {ending}, not {path!r}"
        )


def _load(options: argparse.Namespace) -> _Traces:
    if options.trace:
        return [load_trace(options, path) for path in options.trace]
    _words, trace, capacity = make_exercise(options)
    return [(trace, capacity)]


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
