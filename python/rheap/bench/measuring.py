"""Figures with their spread, and turns: what is compared is measured in turn, round after round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

SPREAD = "10 % to 90 % of the rounds"

Key = TypeVar("Key")
Turn = Callable[[int], float]  # makes that many calls, returns the seconds they took
Advance = Callable[[str], None]  # tells the progress what comes now


@dataclass(frozen=True, slots=True)
class Figure:
    """What the rounds gave: the median, and the tenth and ninetieth percentile."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The figure of one value a round."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        deciles = statistics.quantiles(values, n=10, method="inclusive")
        return cls(statistics.median(values), deciles[0], deciles[-1])

    @classmethod
    def of_parts(cls, values: Sequence[float], whole: Sequence[float]) -> Self:
        """The figure of each round's value as a part of the same round's whole."""
        return cls.of([value / base for value, base in zip(values, whole, strict=True)])


@dataclass(frozen=True, slots=True)
class Headline:
    """One of the figures that decide, a ratio, in words: "this of that"."""

    words: str
    ratio: Figure


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured, and for how long."""

    churns: int  # processes of each contestant
    frames: int  # of a churn
    rounds: int
    turn: float  # seconds that a contestant has in a round
    sizes: tuple[int, ...]  # bytes
    live: tuple[int, ...]  # blocks


def in_turn(turns: Mapping[Key, Turn], rounds: int, seconds: float) -> dict[Key, list[float]]:
    """Seconds per call of each contestant in each round.

    In a round each has its turn, of as many calls as take it about `seconds`; so a change of the
    machine's speed meets all alike, and what counts is the ratio within a round.
    """
    calls = {key: calls_for(turn, seconds) for key, turn in turns.items()}
    found: dict[Key, list[float]] = {key: [] for key in turns}
    for _ in range(rounds):
        for key, turn in turns.items():
            found[key].append(turn(calls[key]) / calls[key])
    return found


def calls_for(turn: Turn, seconds: float) -> int:
    """How many calls take about that long: at least one."""
    calls = 1
    while (taken := turn(calls)) < seconds / 4:
        calls *= 4
    return max(round(calls * seconds / taken), 1)
