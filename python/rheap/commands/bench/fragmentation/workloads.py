"""Requests as others made them to show fragmentation, the same for whoever serves them.

A workload yields one request after the other: so many bytes, or, to free a block, the inverse (`~`)
of its number. Blocks are numbered from 0 in the order in which they were served. It is sent whether
a request was.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

Requests = Generator[int, bool, None]

KIB, MIB = 1 << 10, 1 << 20


class LiveSet:
    """The live blocks of a workload, to pick from."""

    def __init__(self, seed: int = 0) -> None:
        self.sizes = array("q")  # of all blocks that ever were, by number
        self.live: list[int] = []  # numbers
        self.bytes = 0  # of the live ones
        self.pick = random.Random(seed).random

    def add(self, size: int) -> None:
        """A block was served."""
        self.live.append(len(self.sizes))
        self.sizes.append(size)
        self.bytes += size

    def shuffle(self, begin: int = 0) -> None:
        """Lets each one from `begin` on change places with any one."""
        live, pick, count = self.live, self.pick, len(self.live)
        for place in range(begin, count):
            other = int(pick() * count)
            live[place], live[other] = live[other], live[place]

    def free_last(self, count: int) -> Iterator[int]:
        """The requests that free so many, the last first."""
        for _ in range(count):
            number = self.live.pop()
            self.bytes -= self.sizes[number]
            yield ~number

    def free_any(self) -> int:
        """The request that frees one at random."""
        self.shuffle(len(self.live) - 1)
        return next(self.free_last(1))


# --- a cache that is full -------------------------------------------------------------------------

CACHE_LIMIT = 100 * MIB
CACHE_FIRST, CACHE_SECOND = 700_000, 170_000  # blocks
CACHES = ((150, 300), (240, 492))  # bytes of the first and of the second ones


def cache(first: int, second: int, part: float = 1) -> Requests:
    """A cache that values of another size come to when it is full.

    Redis tests its defragmentation with 700,000 values of 150 bytes, then 170,000 of 300, and
    `maxmemory` at 100 MB (tests/unit/memefficiency.tcl, "Active defrag main dictionary"): there the
    fragmentation must be 1.4 or more before, 1.1 or less after, no pause longer than 30 ms, and the
    digest of all values the same. With 240 and 492 bytes: Powers, Tench, Berger, McGregor, "Mesh:
    Compacting Memory Management for C/C++ Applications", PLDI 2019. Here any block may be evicted;
    Redis evicts that of a few which was not used for longest, and so scatters less.
    """
    blocks = LiveSet()
    for size, count in (first, CACHE_FIRST), (second, CACHE_SECOND):
        for _ in range(round(count * part)):
            while blocks.bytes + size > CACHE_LIMIT * part:
                yield blocks.free_any()
            yield size
            blocks.add(size)


# --- sizes that change ----------------------------------------------------------------------------

CHANGE_TOTAL = 500 * MIB  # that a phase allocates
CHANGE_LIMIT = 100 * MIB  # of live bytes
CHANGE_POOL = 300 * MIB  # capacity
_CHANGE_FREED = 20  # blocks, when the limit is reached
_LARGE = 2 * MIB
_EXPONENTIAL = 5 * MIB

Sizes = tuple[int, int]  # bytes, from and to


@dataclass(frozen=True, slots=True)
class Change:
    """One workload of the ten, and what was published for it: the extent beyond what is live, as a
    ratio to that.

    The workloads are those of Rumble, Kejriwal, Ousterhout, "Log-structured Memory for DRAM-based
    Storage", FAST 2014, table 1, in the form in which the Persistent Memory Development Kit tests
    its allocator (src/test/obj_fragmentation2), at a tenth of its size. The figures are those that
    the test there demands, without and with its defragmentation.
    """

    name: str
    published: float
    published_compacted: float
    make: Callable[[float], Requests]


def _steady(*sizes: Sizes, deleted: float = 0) -> Callable[[float], Requests]:
    """Phases that allocate blocks of such sizes, each from the limit on in the place of 20 others;
    between two of them a share of all blocks is deleted."""

    def make(part: float) -> Requests:
        blocks = LiveSet()
        for number, (least, most) in enumerate(sizes):
            if number:
                blocks.shuffle()
                yield from blocks.free_last(int(len(blocks.live) * deleted))
            yield from _phase(blocks, least, most, part)

    return make


def _phase(blocks: LiveSet, least: int, most: int, part: float) -> Requests:
    """Millions of blocks, so what `LiveSet` does for one is written out."""
    sizes, live, pick = blocks.sizes, blocks.live, blocks.pick
    span, limit, left = max(most - least, 1), int(CHANGE_LIMIT * part), int(CHANGE_TOTAL * part)
    shuffled = 0
    while left > 0:
        size = least + int(pick() * span)
        yield size
        live.append(len(sizes))
        sizes.append(size)
        left -= size
        blocks.bytes += size
        if blocks.bytes > limit:
            blocks.shuffle(shuffled)
            shuffled = len(live) - _CHANGE_FREED
            for number in live[shuffled:]:
                blocks.bytes -= sizes[number]
                yield ~number
            del live[shuffled:]


def _large(part: float) -> Requests:
    size = round(_LARGE * part)
    return _steady((size, size))(part)


def _exponential(part: float) -> Requests:
    """When a request is refused, from 10 to 90 % of all blocks are deleted."""
    blocks = LiveSet()
    left = CHANGE_TOTAL * part
    while left > 0:
        size = 1 + int(_EXPONENTIAL * part * math.exp(-4 * blocks.pick()))
        if (yield size):
            blocks.add(size)
            left -= size
        else:
            blocks.shuffle()
            yield from blocks.free_last(int(len(blocks.live) * (0.1 + 0.8 * blocks.pick())))


CHANGES = (
    Change("100", 0.01, 0.01, _steady((100, 100))),
    Change("100, then 130", 0.01, 0.01, _steady((100, 100), (130, 130))),
    Change("100, 90 % deleted, 130", 0.01, 0.01, _steady((100, 100), (130, 130), deleted=0.9)),
    Change("100-150, then 200-250", 0.9, 0.01, _steady((100, 150), (200, 250))),
    Change(
        "100-150, 90 % deleted, 200-250", 0.8, 0.01, _steady((100, 150), (200, 250), deleted=0.9)
    ),
    Change(
        "100-200, 50 % deleted, 1000-2000",
        0.7,
        0.05,
        _steady((100, 200), (1000, 2000), deleted=0.5),
    ),
    Change(
        "1000-2000, 90 % deleted, 1500-2500",
        0.3,
        0.09,
        _steady((1000, 2000), (1500, 2500), deleted=0.9),
    ),
    Change(
        "50-150, 90 % deleted, 5000-15000",
        0.8,
        0.13,
        _steady((50, 150), (5000, 15000), deleted=0.9),
    ),
    Change("2 MiB", 0.73, 0.01, _large),
    Change("up to 5 MiB, exponential", 3.0, 0.16, _exponential),
)


# --- every second one, twice as large -------------------------------------------------------------

PAIRS_CAPACITY = 64 * MIB
_PAIRS_FIRST = 64  # bytes
_PAIRS_LAST_PART = 128  # of the capacity


def pairs(part: float = 1) -> Requests:
    """Fills the heap, frees every second block, and goes on with blocks twice as large.

    So each hole that is left is too small for what comes. Robson, "Bounds for Some Functions
    Concerning Dynamic Storage Allocation", JACM 21, 1974: who does not move blocks needs with such
    programs a multiple of the memory that is live, one that grows with the logarithm of the
    largest size.
    """
    size, number = _PAIRS_FIRST, 0
    while True:
        first = number
        while (yield size):
            number += 1
        size *= 2
        if size > PAIRS_CAPACITY * part / _PAIRS_LAST_PART:
            return
        for freed in range(first, number, 2):
            yield ~freed


# --- large arrays, near the limit -----------------------------------------------------------------

ARRAYS_CAPACITY = 512 * MIB
ARRAYS_SIZES = (64 * KIB, 32 * MIB)
ARRAYS_REQUESTS = 5000


def arrays(live: float, part: float = 1) -> Requests:
    """Arrays of which each size is as likely as its double, each in the place of as many others,
    at random, as keeps that share of the capacity live."""
    blocks = LiveSet()
    least, most = (size * part for size in ARRAYS_SIZES)
    for _ in range(ARRAYS_REQUESTS):
        size = int(least * (most / least) ** blocks.pick())
        while blocks.bytes + size > ARRAYS_CAPACITY * live * part:
            yield blocks.free_any()
        if (yield size):
            blocks.add(size)
