"""What recording costs: the same work with and without it, in turn."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import _core
from ..replay.figure import Figure
from ..traces.trace_file import TraceFile

ROUNDS = 15
PARSES = 20  # of the text below, in a round
_TEXT = json.dumps([{"id": i, "name": f"name {i}", "tags": ["a", "b"]} for i in range(2000)])


@dataclass(frozen=True, slots=True)
class Overhead:
    """What recording to a trace of this name costs.

    `ratio`: time with recording by time without. `nanoseconds`: what an operation takes more.
    """

    name: str
    ratio: Figure
    nanoseconds: Figure

    def __str__(self) -> str:
        return (
            f"{self.name:13} {self.ratio.median:.2f} times as long "
            f"({self.ratio.low:.2f} to {self.ratio.high:.2f}), "
            f"{self.nanoseconds.median:.0f} ns more per operation"
        )


def measure_overhead(name: str) -> Overhead:
    """Parses JSON, recorded to a trace of that name and not, in turn."""
    ratios, costs = [], []
    for _ in range(ROUNDS):
        plain = _seconds(_parse)
        recorded, operations = _recorded(_parse, name)
        ratios.append(recorded / plain)
        costs.append((recorded - plain) * 1e9 / operations)
    return Overhead(name, Figure.of(ratios), Figure.of(costs))


def _parse() -> None:
    for _ in range(PARSES):
        json.loads(_TEXT)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _recorded(work: Callable[[], None], name: str) -> tuple[float, int]:
    """How long the work takes, and of how many operations the recording consists."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        trace = TraceFile(Path(folder, name))
        _core.start_recording(trace.descriptor, False, False)
        try:
            work()
        finally:
            figures = _core.stop_recording()
            failure = trace.compress()
        seconds = time.perf_counter() - start
    if figures["error"] != 0:
        raise OSError(figures["error"], os.strerror(figures["error"]), trace.path)
    if failure is not None:
        raise failure
    return seconds, figures["operations"]
