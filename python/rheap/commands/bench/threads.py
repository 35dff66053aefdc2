"""Whether two threads on one heap get in each other's way."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...console.table import table
from ...console.terminal import Terminal
from ...heap import Heap
from ...replay.figure import Figure
from .candidates import OURS
from .measuring import SPREAD, Advance, Effort, Headline, in_turn
from .words import fine

TITLE = "Two threads against one"
LIVE = 1000  # blocks of each thread
SIZE = 64  # bytes of each
_TURNS = 10  # a turn is that much longer than others', because the GIL changes hands every 5 ms


@dataclass(frozen=True, slots=True)
class Pair:
    """What two threads do together, as a ratio to what one does alone."""

    candidate: str
    throughput: Figure


@dataclass(frozen=True, slots=True)
class Threads:
    """For each candidate."""

    pairs: list[Pair]

    def show(self, terminal: Terminal) -> None:
        """A line each."""
        terminal.say(
            f"Each thread replaces its own {LIVE} blocks of {SIZE} bytes, all on one heap. The GIL "
            "lets one thread run at a time, so about 1 is the best there can be; what is missing "
            "is waiting for the GIL and for the heap's lock. Operations per second, by the wall "
            f"clock, of two threads together as a ratio to one's ({SPREAD}):"
        )
        rows = [[pair.candidate, fine(pair.throughput)] for pair in self.pairs]
        terminal.output(table(["", "two of one"], rows, terminal.columns))

    def headlines(self) -> list[Headline]:
        """None: the section itself is as short."""
        return []


def measure(effort: Effort, advance: Advance) -> Threads:
    """Times one thread and two, alternately."""
    advance("two threads")
    with Heap("16 MiB") as heap:
        makers: dict[str, Callable[[int], Any]] = {OURS: heap.alloc, "bytearray": bytearray}
        turns = {
            (name, threads): functools.partial(together, make, threads)
            for name, make in makers.items()
            for threads in (1, 2)
        }
        found = in_turn(turns, effort.rounds, effort.turn * _TURNS)
    return Threads(
        [Pair(name, Figure.of_ratios(found[name, 1], found[name, 2])) for name in makers]
    )


def together(make: Callable[[int], Any], threads: int, calls: int) -> float:
    """Seconds that so many threads take for `calls` operations of all together."""
    barrier = threading.Barrier(threads + 1)
    share = -(-calls // threads)
    workers = [threading.Thread(target=_work, args=(make, share, barrier)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start


def _work(make: Callable[[int], Any], calls: int, barrier: threading.Barrier) -> None:
    blocks = [make(SIZE) for _ in range(LIVE)]
    barrier.wait()
    for place in itertools.islice(itertools.cycle(range(LIVE)), calls):
        blocks[place] = None
        blocks[place] = make(SIZE)
