"""The free blocks of an exercise as the lists that its policy searches, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from .. import _core
from ..errors import HeapExhausted
from ..heap import Heap
from ..reports import BlockInfo, BlockState
from .measure import Scheme

_BY_CLASS = "segregated"  # the policy that has a list for each class of sizes


class FreeList(NamedTuple):
    """A list of free blocks. `what`: which one it is; `payloads`: of its blocks, in its order."""

    what: str
    payloads: tuple[int, ...]


class FreeLists:
    """The lists of one heap, which is told of each operation of the exercise.

    The policies of the textbooks search one list in address order. Segregated fit has a list for
    each class of sizes, in an order that only the links inside its blocks tell. An inspection does
    not show those, so a heap of the same kind plays the same operations.
    """

    def __init__(self, scheme: Scheme, capacity: int) -> None:
        self._heap = None
        if scheme.policy == _BY_CLASS:
            immediate = scheme.coalesce == "immediate"
            self._heap = Heap(
                capacity, coalesce="immediate" if immediate else "deferred", auto_compact=False
            )
        self._blocks: list[_core.Block | None] = []
        self._freed: dict[int, None] = {}  # payloads, in the order of their frees

    def allocated(self, size: int) -> None:
        """Notes that so many bytes were asked for."""
        if self._heap is not None:
            self._blocks.append(_allocate(self._heap, size))

    def freed(self, number: int, payload: int | None) -> None:
        """Notes that this allocation was freed, whose payload was there if it was served."""
        if payload is not None:
            self._freed.pop(payload, None)
            self._freed[payload] = None
        if self._heap is not None and (block := self._blocks[number]) is not None:
            block.free()

    def compacted(self) -> None:
        """Notes that all blocks were moved together."""
        if self._heap is not None:
            self._heap.compact()

    def lists(self, blocks: Sequence[BlockInfo]) -> Iterator[FreeList]:
        """The lists that are not empty, of a region that has these blocks now."""
        holes = [block for block in blocks if block.state is BlockState.FREE]
        if self._heap is not None:
            yield from _by_class(holes, self._next_links(len(blocks)))
        elif holes:
            yield FreeList("free list, in address order", tuple(hole.offset for hole in holes))
        when = {payload: number for number, payload in enumerate(self._freed)}
        unmerged = [block for block in blocks if block.state is BlockState.DEFERRED]
        unmerged.sort(key=lambda block: (block.capacity, -when[block.offset]))
        for size, same in groupby(unmerged, key=lambda block: block.capacity):
            what = f"unmerged, of {size:,} bytes, freed last first"
            yield FreeList(what, tuple(block.offset for block in same))

    def _next_links(self, blocks: int) -> Callable[[int], int]:
        """Gives by its payload the payload of the next block in a hole's list, 0 at its end."""
        assert self._heap is not None
        end = _core.FIRST_BLOCK + self._heap.capacity
        words = _core.snapshot(self._heap, _core.FIRST_BLOCK, end, blocks).words

        def behind(payload: int) -> int:
            link = words[payload]  # to the word of the next
            return link and link + _core.WORD_BYTES

        return behind


def _allocate(heap: Heap, size: int) -> _core.Block | None:
    try:
        return heap.alloc(size)
    except HeapExhausted:
        return None


def _by_class(holes: Sequence[BlockInfo], behind: Callable[[int], int]) -> Iterator[FreeList]:
    """The chains that the links make of these holes, those of the smallest holes first."""
    sizes = {hole.offset: hole.capacity for hole in holes}
    for head in sorted(sizes.keys() - map(behind, sizes), key=sizes.__getitem__):
        chain = [head]
        while after := behind(chain[-1]):
            chain.append(after)
        least, *_, most = sorted(map(sizes.__getitem__, [head, *chain]))
        span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        yield FreeList(f"free list of {span} bytes", tuple(chain))
