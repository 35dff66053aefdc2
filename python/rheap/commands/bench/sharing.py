"""What it costs to share memory between processes, beside SharedMemory."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
import timeit
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from ...console.table import table
from ...console.terminal import Terminal
from ...format.sizes import format_size
from ...heap import Heap
from ...replay.figure import Figure
from ...shared_heap import SharedHeap
from .measuring import SPREAD, Advance, Effort, Headline, clock, in_turn
from .words import duration, fine

TITLE = "Between processes"
CAPACITY = "64 MiB"
SMALL = 64  # bytes of a block that nobody else sees
LARGE = 1 << 20  # bytes of one that is handed over
_HAND_OVER = "hand over"
_PUBLISH = "publish and look up by name"
_TRIP = "write, send through a Pipe, wait"

_SEGMENT = (
    f"one = SharedMemory(create=True, size={LARGE}); other = SharedMemory(one.name); "
    "other.close(); one.close(); one.unlink()"
)
_STATEMENTS = {
    ("own", "heap"): f"private.alloc({SMALL})",
    ("own", "shared"): f"shared.alloc({SMALL})",
    (_HAND_OVER, "rheap"): f"shared.redeem(shared.ticket(shared.alloc({LARGE})))",
    (_HAND_OVER, "SharedMemory"): _SEGMENT,
    (_PUBLISH, "rheap"): f"shared['name'] = shared.alloc({LARGE}); shared['name']",
    (_PUBLISH, "SharedMemory"): _SEGMENT,
}


@dataclass(frozen=True, slots=True)
class Shared:
    """Of one thing: seconds that it takes with rheap and with what is compared, and their ratio."""

    what: str
    seconds: Figure
    compared: Figure
    ratio: Figure


@dataclass(frozen=True, slots=True)
class Sharing:
    """A block of a shared heap beside one of a private heap, and hand-overs beside SharedMemory."""

    size: int  # bytes that are handed over
    own: Shared
    hand_over: Shared
    publish: Shared
    trip: Shared

    def show(self, terminal: Terminal) -> None:
        """A line each."""
        size = format_size(self.size)
        terminal.say(
            f"To allocate and drop {SMALL} bytes of a SharedHeap, beside a Heap; to make {size}, "
            "turn them into a ticket, redeem that and drop both, and to publish them under a name "
            "in place of what was there and look that up, beside SharedMemory created, attached by "
            f"name, closed and unlinked; to write {size}, send them through a Pipe to a process "
            f"that reads both ends, and wait for its answer, by the wall clock ({SPREAD}):"
        )
        lines = (self.own, self.hand_over, self.publish, self.trip)
        rows = [
            [one.what, duration(one.seconds.median), duration(one.compared.median), fine(one.ratio)]
            for one in lines
        ]
        terminal.output(table(["", "rheap", "other", "ratio"], rows, terminal.columns))

    def headlines(self) -> list[Headline]:
        """What hands over."""
        size = format_size(self.size)
        return [
            Headline(f"{one.what} {size}", f"{fine(one.ratio)} of SharedMemory's time")
            for one in (self.hand_over, self.publish, self.trip)
        ]


def measure(effort: Effort, advance: Advance) -> Sharing:
    """Times each beside what it is compared with, alternately."""
    advance("blocks and tickets")
    with Heap(CAPACITY) as private, SharedHeap(CAPACITY) as shared:
        names = {"private": private, "shared": shared, "SharedMemory": SharedMemory}
        turns = {
            key: timeit.Timer(statement, timer=clock, globals=names).timeit
            for key, statement in _STATEMENTS.items()
        }
        found = in_turn(turns, effort.rounds, effort.turn)
        advance("a Pipe")
        with _echo(shared) as connection:
            trips = in_turn(
                {
                    "rheap": lambda calls: _send_blocks(connection, shared, calls),
                    "SharedMemory": lambda calls: _send_names(connection, calls),
                },
                effort.rounds,
                effort.turn * 10,
            )
    return Sharing(
        LARGE,
        _compare("allocate, drop", found["own", "shared"], found["own", "heap"]),
        _compare(_HAND_OVER, found[_HAND_OVER, "rheap"], found[_HAND_OVER, "SharedMemory"]),
        _compare(_PUBLISH, found[_PUBLISH, "rheap"], found[_PUBLISH, "SharedMemory"]),
        _compare(_TRIP, trips["rheap"], trips["SharedMemory"]),
    )


def _compare(what: str, ours: list[float], theirs: list[float]) -> Shared:
    return Shared(what, Figure.of(ours), Figure.of(theirs), Figure.of_ratios(ours, theirs))


_ONES = b"\1" * LARGE


def _send_blocks(connection: Connection[Any, Any], heap: SharedHeap, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        block = heap.alloc(LARGE)
        block.view()[:] = _ONES
        connection.send(block)
        connection.recv()
        del block
    return time.perf_counter() - start


def _send_names(connection: Connection[Any, Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        memory = SharedMemory(create=True, size=LARGE)
        _view(memory)[:LARGE] = _ONES
        connection.send(memory.name)
        connection.recv()
        memory.close()
        memory.unlink()
    return time.perf_counter() - start


def _view(memory: SharedMemory) -> memoryview[int]:
    assert memory.buf is not None  # it is open
    return memory.buf


@contextlib.contextmanager
def _echo(heap: SharedHeap) -> Iterator[Connection[Any, Any]]:
    """A connection to a process that looks at both ends of what it gets."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(theirs, heap), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv()  # it is there
        yield ours
    finally:
        with contextlib.suppress(OSError):
            ours.send(None)
        process.join()
        ours.close()


def _answer(connection: Connection[Any, Any], _heap: SharedHeap) -> None:
    connection.send(None)
    while (got := connection.recv()) is not None:
        if isinstance(got, str):
            memory = SharedMemory(got)
            ends = _view(memory)[0], _view(memory)[LARGE - 1]
            memory.close()
        else:
            ends = got[0], got[-1]
        del got
        connection.send(ends)
