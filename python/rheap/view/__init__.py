"""Look at a replay: the region at one moment, or the whole run as one picture."""

from __future__ import annotations

import argparse
import itertools
import sys
import traceback

from .. import _core
from ..heapmap import RegionMap
from ..replay.arguments import (
    ArgumentError,
    add_exercise,
    add_heaps,
    load_trace,
    make_exercise,
    schemes_of,
)
from ..replay.measure import Scheme, inspect
from ..replay.own import PolicyError
from ..replay.steps import region_of
from ..terminal import Terminal
from .history import History, history_svg


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The trace or an exercise, the heaps, and which picture."""
    add_exercise(parser, traces="?")
    add_heaps(parser)
    parser.add_argument(
        "--at",
        metavar="peak|end|N",
        type=_moment,
        help="the region as text, at this moment; where most is live if not given",
    )
    parser.add_argument(
        "--svg", metavar="FILE", help="the whole run, address by operation, as an SVG file"
    )


def run(options: argparse.Namespace) -> int:
    """Draws; returns the exit status."""
    try:
        schemes = schemes_of(options)
        if options.trace:
            trace, capacity = load_trace(options, options.trace)
        else:
            _words, trace, capacity = make_exercise(options)
        if options.svg is not None:
            _draw_history(options.svg, trace, schemes, capacity)
        if options.at is not None or options.svg is None:
            _draw_moment(trace, schemes, capacity, "peak" if options.at is None else options.at)
    except PolicyError as failed:
        traceback.print_exception(failed.__cause__)
        return 1
    except ArgumentError as error:
        print(f"rheap view: {error}", file=sys.stderr)
        return 2
    return 0


def _draw_history(path: str, trace: _core.Trace, schemes: list[Scheme], capacity: int) -> None:
    if not path.lower().endswith(".svg"):
        raise ArgumentError(f"--svg writes SVG, so its file ends in .svg, not {path!r}")
    for scheme in schemes:
        if not isinstance(scheme.policy, str):
            inspect(trace, scheme, capacity)  # says which operation a wrong choice was made for
    histories = History.of_all(trace, schemes, capacity)
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(history_svg(trace.source, len(trace), histories))


def _draw_moment(trace: _core.Trace, schemes: list[Scheme], capacity: int, at: str | int) -> None:
    terminal = Terminal()
    number = {"peak": trace.peak_operation + 1, "end": len(trace)}.get(str(at), at)
    if not isinstance(number, int) or number > len(trace):
        raise ArgumentError(f"the trace has {len(trace):,} operations, so none is number {at}")
    for scheme in schemes:
        inspection = scheme.inspect(trace, capacity)
        for _ in itertools.repeat(None, number):
            inspection.step()
        picture: RegionMap = region_of(inspection, capacity)
        terminal.heading(
            f"{trace.source}, {scheme.name} ({scheme.coalesce}), "
            f"after {number:,} of {len(trace):,} operations"
        )
        terminal.output(picture.draw(terminal.columns))


def _moment(text: str) -> str | int:
    if text in ("peak", "end"):
        return text
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither peak nor end nor a number of operations")
