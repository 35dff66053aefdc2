"""Runs the candidates alternately and compares within each round."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

SPREAD = "10 % to 90 % of the rounds"

Key = TypeVar("Key")
clock = time.thread_time  # of the processor: what else the machine does costs a thread nothing
Turn = Callable[[int], float]  # makes that many calls, returns the seconds they took
Advance = Callable[[str], None]  # tells the progress what comes now


@dataclass(frozen=True, slots=True)
class Headline:
    """One of the figures that decide: what was measured, and how it compares with what."""

    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured, and for how long."""

    churns: int  # processes of each candidate
    frames: int  # of a churn
    rounds: int
    turn: float  # seconds that a candidate has in a round
    sizes: tuple[int, ...]  # bytes
    live: tuple[int, ...]  # blocks
    part: float  # of the bytes of the workloads that show fragmentation


def in_turn(turns: Mapping[Key, Turn], rounds: int, seconds: float) -> dict[Key, list[float]]:
    """Seconds per call of each candidate in each round.

    A round runs each candidate once, for as many calls as take about `seconds`. So a change of the
    machine's speed meets all alike, and ratios are taken within a round.
    """
    found: dict[Key, list[float]] = {key: [] for key in turns}
    with interrupts_wait() as let_interrupt:
        calls = {key: calls_for(turn, seconds) for key, turn in turns.items()}
        for _ in range(rounds):
            for key, turn in turns.items():
                turn(1)  # fills the caches with its own data, not another's
                found[key].append(turn(calls[key]) / calls[key])
                let_interrupt()
    return found


@contextlib.contextmanager
def interrupts_wait() -> Iterator[Callable[[], None]]:
    """Ctrl-C is raised when the given function is called, and at the end, not in between.

    Raised in the middle of a turn it could leave a segment of shared memory behind, or fall into
    a finalizer, which swallows it.
    """
    interrupted = threading.Event()

    def let_interrupt() -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield let_interrupt  # it comes to the main thread only
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: interrupted.set())
    try:
        yield let_interrupt
    finally:
        signal.signal(signal.SIGINT, before)
    let_interrupt()


def calls_for(turn: Turn, seconds: float) -> int:
    """How many calls take about that long: at least one."""
    turn(1)  # the first one loads and learns
    calls = 1
    while (taken := turn(calls)) < seconds / 4:
        calls *= 4
    return max(round(calls * seconds / taken), 1)
