"""How fast it is here: blocks against bytearray, side by side in one run.

Statements take turns, so that a change of the machine's speed meets all alike; what counts is the
ratio within each round, and of those the median.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import timeit
from dataclasses import dataclass

from .heap import Heap

YARDSTICK = "bytearray(64)"
STATEMENTS = ("heap.alloc(64)", "with heap.alloc(64): pass")
ROUNDS = 101
CALLS = 20_000  # of a statement in a round


@dataclass(frozen=True, slots=True)
class Ratio:
    """Time of a statement as a part of the yardstick's: the median over the rounds, and the tenth
    and ninetieth percentile."""

    statement: str
    median: float
    low: float
    high: float


def measure(rounds: int, calls: int) -> list[Ratio]:
    """Times each statement and the yardstick in turn, `calls` times in each of `rounds` rounds."""
    heap = Heap("1 MiB")
    found: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}

    def seconds(statement: str) -> float:
        return timeit.timeit(statement, globals={"heap": heap}, number=calls)

    for _ in range(rounds):
        yardstick = seconds(YARDSTICK)
        for statement, ratios in found.items():
            ratios.append(seconds(statement) / yardstick)
    return [
        Ratio(statement, statistics.median(ratios), *statistics.quantiles(ratios, n=10)[::8])
        for statement, ratios in found.items()
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(options: argparse.Namespace) -> int:
    """Prints the ratios; returns the exit status."""
    print(f"Python {platform.python_version()}, parts of {YARDSTICK}: median (10 % to 90 %)")
    for ratio in measure(ROUNDS, CALLS):
        print(f"  {ratio.statement:26} {ratio.median:.2f}  ({ratio.low:.2f} to {ratio.high:.2f})")
    return 0
