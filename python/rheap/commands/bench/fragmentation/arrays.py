"""Large arrays in a heap that is nearly full: requests refused, and what room for them costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...._core import Block
from ....console.table import table
from ....console.terminal import Terminal
from ....errors import HeapExhausted
from ....format.sizes import format_size
from ....heap import Heap
from ....replay.figure import Figure
from ..measuring import Advance, Headline, clock
from ..words import duration, fine
from .malloc import Malloc
from .playing import live_bytes
from .workloads import ARRAYS_CAPACITY, ARRAYS_SIZES, arrays

LIVE = (0.8, 0.9)  # of the capacity
_SPREAD = "median, and 10 % to 90 % of them"


@dataclass(frozen=True, slots=True)
class LargeArrays:
    """With so much of the capacity live: the parts of the requests that were refused, and for which
    blocks were moved; of these the bytes moved, as a ratio to the request's, and the time."""

    live: float
    malloc: float  # resident memory as a ratio to what is live
    refused_uncompacted: float
    refused: float
    moved_for: float
    moved: Figure | None  # None when nothing was
    seconds: Figure | None


@dataclass(slots=True)
class _Course:
    requests: int = 0
    numbers: int = 0  # of blocks so far
    refused: int = 0
    moved: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    served: list[int] = field(default_factory=list)  # requests
    blocks: dict[int, Block] = field(default_factory=dict)  # live ones, by number


def measure(part: float, advance: Advance) -> list[LargeArrays]:
    """Replaces arrays on a heap that moves nothing, then on one that makes room."""
    return [_measure(live, part, advance) for live in LIVE]


def _measure(live: float, part: float, advance: Advance) -> LargeArrays:
    advance(f"arrays, {live:.0%} live")
    capacity = int(ARRAYS_CAPACITY * part)
    with Heap(capacity, prefault=True, auto_compact=False) as heap:
        uncompacted = _replace(heap, live, part)
    with Heap(capacity, prefault=True) as heap:
        course = _replace(heap, live, part)
        with Malloc() as process:
            process.play(course.served)
            malloc = process.resident_bytes() / live_bytes(heap)
    return LargeArrays(
        live,
        malloc,
        uncompacted.refused / uncompacted.requests,
        course.refused / course.requests,
        len(course.moved) / course.requests,
        Figure.of(course.moved) if course.moved else None,
        Figure.of(course.seconds) if course.seconds else None,
    )


def _replace(heap: Heap, live: float, part: float) -> _Course:
    course = _Course()
    requests = arrays(live, part)
    request = next(requests)
    try:
        while True:
            served = True
            if request < 0:
                del course.blocks[~request]
            else:
                served = _serve(heap, request, course)
            if served:
                course.served.append(request)
            request = requests.send(served)
    except StopIteration:
        return course


def _serve(heap: Heap, size: int, course: _Course) -> bool:
    course.requests += 1
    others = list(course.blocks.values())
    places = [block.offset for block in others]
    start = clock()
    try:
        block = heap.alloc(size)
    except HeapExhausted:
        course.refused += 1
        return False
    seconds = clock() - start
    moved = sum(
        other.size for other, place in zip(others, places, strict=True) if other.offset != place
    )
    if moved:
        course.moved.append(moved / size)
        course.seconds.append(seconds)
    course.blocks[course.numbers] = block
    course.numbers += 1
    return True


def show(found: Sequence[LargeArrays], terminal: Terminal, libc: str) -> None:
    """A line each."""
    least, most = map(format_size, ARRAYS_SIZES)
    terminal.say(
        f"Arrays of {least} to {most}, each size as likely as its double, come in the place of "
        f"others at random, in a heap of {format_size(ARRAYS_CAPACITY)} of which so much is live. "
        "Refused: requests, without and with compaction. Moved for: those for which blocks were "
        "moved; of these the bytes moved, as a ratio to the request's, and the time it took "
        f"({_SPREAD}). {libc}: resident memory as a ratio to what is live."
    )
    header = ["live", libc, "refused without", "refused", "moved for", "bytes", "time"]
    rows = [
        [
            f"{one.live:.0%}",
            f"{one.malloc:.3f}",
            f"{one.refused_uncompacted:.1%}",
            f"{one.refused:.1%}",
            f"{one.moved_for:.1%}",
            fine(one.moved) if one.moved else "",
            duration(one.seconds.median) if one.seconds else "",
        ]
        for one in found
    ]
    terminal.output(table(header, rows, terminal.columns))


def headlines(found: Sequence[LargeArrays]) -> list[Headline]:
    """What is refused."""
    return [
        Headline(
            f"requests refused, {one.live:.0%} live",
            f"{one.refused:.1%}, {one.refused_uncompacted:.1%} without compaction",
        )
        for one in found
    ]
