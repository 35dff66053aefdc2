"""Replay traces of real programs, or exercises, on the heap and its placement policies."""

from __future__ import annotations

import argparse
import json

from ...console.terminal import Terminal
from ...replay.measure import Report, Scheme, measure
from ..arguments import (
    ArgumentError,
    add_exercise,
    add_heaps,
    count,
    load_trace,
    make_exercise,
    schemes_of,
    status_of,
)
from .report import as_json, show, show_over_all
from .steps import Exercise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to replay, and on what."""
    add_exercise(parser, traces="*")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--ask", action="store_true", help="ask where each block goes first")
    shown.add_argument(
        "--quiet", action="store_true", help="of an exercise only the table, not each step"
    )
    add_heaps(parser)
    parser.add_argument("--against", choices=["malloc"], help="time this process's malloc too")
    parser.add_argument("--repeat", type=count, default=15, help="timed runs; 15 if not given")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")


def run(options: argparse.Namespace) -> int:
    """Replays; returns the exit status."""
    return status_of("replay", lambda: _report(options))


def _report(options: argparse.Namespace) -> None:
    _verify(options)
    schemes = schemes_of(options)
    reports = _replay(options, schemes) if options.trace else _exercise(options, schemes)
    if options.json:
        print(json.dumps(as_json(reports), indent=2))


def _verify(options: argparse.Namespace) -> None:
    if options.ask and (options.trace or options.json):
        raise ArgumentError("--ask goes with an exercise (--ops or --random), and not with --json")
    if options.quiet and options.trace:
        raise ArgumentError("--quiet goes with an exercise (--ops or --random)")
    if options.against and not options.trace:
        raise ArgumentError("--against needs a trace: an exercise is too short to be timed")


def _replay(options: argparse.Namespace, schemes: list[Scheme]) -> list[Report]:
    terminal = Terminal()
    reports = []
    for path in options.trace:
        trace, capacity = load_trace(options, path)
        report = measure(
            trace,
            schemes,
            capacity=capacity,
            against_malloc=options.against is not None,
            repeat=options.repeat,
        )
        reports.append(report)
        if not options.json:
            show(terminal, report)
    if not options.json:
        show_over_all(terminal, reports)
    return reports


def _exercise(options: argparse.Namespace, schemes: list[Scheme]) -> list[Report]:
    terminal = Terminal()
    words, trace, capacity = make_exercise(options)
    results = []
    for scheme in schemes:
        exercise = Exercise(terminal, trace, words, scheme, capacity)
        if not (options.json or options.quiet) and not exercise.play(ask=options.ask):
            return []
        results.append(exercise.result())
    report = Report.of(trace, capacity, results)
    if not options.json:
        show(terminal, report)
    return [report]
