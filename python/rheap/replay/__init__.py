"""Replay traces of real programs, or exercises, on the heap and its placement policies."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import traceback

from .. import _core
from ..sizes import parse_size
from ..terminal import Terminal
from ..traces import load
from ..traces.exercises import make_trace, parse_operations, random_operations
from .measure import Report, Scheme, capacity_for, measure
from .own import OwnPolicy, PolicyError, load_policy
from .report import as_json, show, show_means
from .steps import Exercise

COALESCING = ("deferred", "immediate")
_SMALLEST_EXERCISE = 256  # bytes: a line of the map
_MOST = 1_000_000  # of --random and --repeat


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to replay, and on what."""
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("trace", nargs="*", default=[], help="traces, plain or gzipped")
    given.add_argument(
        "--ops", type=_operations, metavar="OPS", help="an exercise, such as '+10,+20,-0,+8'"
    )
    given.add_argument("--random", type=_count, metavar="N", help="an exercise of N operations")
    parser.add_argument("--seed", type=int, default=0, help="of --random; 0 if not given")
    parser.add_argument("--ask", action="store_true", help="ask where each block goes first")
    parser.add_argument(
        "--policy",
        action="append",
        type=_policy,
        help=f"{', '.join(_core.POLICIES)}, or FILE.py:FUNCTION; repeatable",
    )
    parser.add_argument(
        "--coalesce", action="append", choices=COALESCING, help="deferred if not given; repeatable"
    )
    parser.add_argument("--against", choices=["malloc"], help="time this process's malloc too")
    parser.add_argument(
        "--capacity", type=_capacity, help="of each heap; else twice what the blocks take at most"
    )
    parser.add_argument("--repeat", type=_count, default=15, help="timed runs; 15 if not given")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")


def run(options: argparse.Namespace) -> int:
    """Replays; returns the exit status."""
    try:
        schemes = _schemes(options)
        reports = _replay(options, schemes) if options.trace else _exercise(options, schemes)
    except PolicyError as failed:
        traceback.print_exception(failed.__cause__)
        return 1
    except ArgumentError as error:
        print(f"rheap replay: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(as_json(reports), indent=2))
    return 0


class ArgumentError(Exception):
    """Arguments that do not go together, or a policy that is none."""


def _schemes(options: argparse.Namespace) -> list[Scheme]:
    if options.ask and (options.trace or options.json):
        raise ArgumentError("--ask goes with an exercise (--ops or --random), and not with --json")
    if options.against and not options.trace:
        raise ArgumentError("--against needs a trace: an exercise is too short to be timed")
    policies: list[str | OwnPolicy] = []
    for written in dict.fromkeys(options.policy or [_core.POLICIES[0]]):
        try:
            policies.append(written if written in _core.POLICIES else load_policy(written))
        except ValueError as error:
            raise ArgumentError(error) from None
    coalescing = dict.fromkeys(options.coalesce or [COALESCING[0]])
    return [Scheme(*pair) for pair in itertools.product(policies, coalescing)]


def _replay(options: argparse.Namespace, schemes: list[Scheme]) -> list[Report]:
    terminal = Terminal()
    reports = []
    for path in options.trace:
        trace = load(path)
        report = measure(
            trace,
            schemes,
            capacity=options.capacity or capacity_for(trace),
            against_malloc=options.against is not None,
            repeat=options.repeat,
        )
        reports.append(report)
        if not options.json:
            show(terminal, report)
    if not options.json:
        show_means(terminal, reports)
    return reports


def _exercise(options: argparse.Namespace, schemes: list[Scheme]) -> list[Report]:
    terminal = Terminal()
    words = options.ops or random_operations(options.random, options.seed)
    trace = make_trace("exercise", words)
    capacity = options.capacity or capacity_for(trace, least=_SMALLEST_EXERCISE)
    results = []
    for scheme in schemes:
        exercise = Exercise(terminal, trace, words, scheme, capacity)
        if not options.json and not exercise.play(ask=options.ask):
            return []
        results.append(exercise.result())
    report = Report.of(trace, capacity, results)
    if not options.json:
        show(terminal, report)
    return [report]


def _operations(text: str) -> tuple[str, ...]:
    try:
        return parse_operations(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST:,}")
    return int(text)


def _capacity(text: str) -> int:
    try:
        capacity = parse_size(text, "capacity")
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not _core.SMALLEST_CAPACITY <= capacity <= _core.CAPACITY_LIMIT:
        raise argparse.ArgumentTypeError(
            f"must be from {_core.SMALLEST_CAPACITY} bytes to 1 TiB, not {text!r}"
        )
    return capacity


def _policy(text: str) -> str:
    if text not in _core.POLICIES and ":" not in text:
        known = ", ".join(_core.POLICIES)
        raise argparse.ArgumentTypeError(f"{text!r} is neither one of {known} nor FILE.py:FUNCTION")
    return text
