"""What the commands that play traces take: the input, and the heaps to play it on."""

from __future__ import annotations

import argparse
import itertools
import sys
import traceback
from collections.abc import Callable

from .. import _core
from ..format.sizes import parse_size
from ..replay.measure import Scheme, capacity_for
from ..replay.own import OwnPolicy, PolicyError, load_policy
from ..traces import load
from ..traces.exercises import make_trace, parse_operations, random_operations

COALESCING = ("deferred", "immediate")
_SMALLEST_EXERCISE = 256  # bytes: a line of the map
_MOST = 1_000_000  # operations of --random


class ArgumentError(Exception):
    """Arguments that do not go together, or an unknown policy."""


def status_of(command: str, work: Callable[[], None]) -> int:
    """Does `work` and prints its errors; returns the exit status."""
    try:
        work()
    except PolicyError as failed:
        traceback.print_exception(failed.__cause__)
        return 1
    except ArgumentError as error:
        print(f"rheap {command}: {error}", file=sys.stderr)
        return 2
    return 0


def add_exercise(parser: argparse.ArgumentParser, traces: str) -> None:
    """A trace or several (`traces`: as argparse counts them), or an exercise instead."""
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument(
        "trace", nargs=traces, default=[], help="a trace of a program, plain or gzipped"
    )
    given.add_argument(
        "--ops", type=_operations, metavar="OPS", help="an exercise, such as '+10,+20,-0,c,+8'"
    )
    given.add_argument("--random", type=count, metavar="N", help="an exercise of N operations")
    parser.add_argument("--seed", type=int, default=0, help="of --random; 0 if not given")


def add_heaps(parser: argparse.ArgumentParser) -> None:
    """Policies, coalescing, capacity."""
    parser.add_argument(
        "--policy",
        action="append",
        type=_policy,
        help=f"{', '.join(_core.POLICIES)}, or FILE.py:FUNCTION; repeatable",
    )
    parser.add_argument(
        "--coalesce",
        action="append",
        choices=COALESCING,
        help="deferred if not given, of an exercise immediate, as textbooks have it; repeatable",
    )
    parser.add_argument(
        "--capacity", type=_capacity, help="of each heap; else twice what the blocks take at most"
    )


def schemes_of(options: argparse.Namespace) -> list[Scheme]:
    """Each policy with each way of coalescing. Raises `ArgumentError` for an unknown policy."""
    policies: list[str | OwnPolicy] = []
    for written in dict.fromkeys(options.policy or [_core.POLICIES[0]]):
        try:
            policies.append(written if written in _core.POLICIES else load_policy(written))
        except ValueError as error:
            raise ArgumentError(error) from None
    deferred, immediate = COALESCING
    coalescing = dict.fromkeys(options.coalesce or [deferred if options.trace else immediate])
    return [Scheme(*pair) for pair in itertools.product(policies, coalescing)]


def make_exercise(options: argparse.Namespace) -> tuple[tuple[str, ...], _core.Trace, int]:
    """The words of the exercise that was asked for, their trace, the capacity of its heaps."""
    words = options.ops or random_operations(options.random, options.seed)
    trace = make_trace("exercise", words)
    return words, trace, options.capacity or capacity_for(trace, least=_SMALLEST_EXERCISE)


def load_trace(options: argparse.Namespace, path: str) -> tuple[_core.Trace, int]:
    """A trace, and the capacity of its heaps."""
    trace = load(path)
    return trace, options.capacity or capacity_for(trace)


def count(text: str) -> int:
    """A number of operations or runs."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST:,}")
    return int(text)


def _operations(text: str) -> tuple[str, ...]:
    try:
        return parse_operations(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
