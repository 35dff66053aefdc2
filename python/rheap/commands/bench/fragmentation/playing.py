"""Workloads played on a heap, and what they leave there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from ...._core import WORD_BYTES, Block
from ....errors import HeapExhausted
from ....heap import Heap
from .malloc import Malloc
from .malloc_worker import AT_ONCE
from .workloads import Requests

Fill = Callable[[int, Block], None]


@dataclass(slots=True)
class Played:
    """The blocks by number, None for a freed one, and which part of the capacity was live at each
    refusal."""

    blocks: list[Block | None] = field(default_factory=list)
    live_when_refused: list[float] = field(default_factory=list)


def play(
    requests: Requests, heap: Heap, malloc: Malloc | None = None, fill: Fill | None = None
) -> Played:
    """Plays a workload on a heap and makes the same requests of malloc: what the heap refused is
    not made there. `fill` gets each new block with its number."""
    played = Played()
    blocks, alloc, send = played.blocks, heap.alloc, requests.send
    served: list[int] = []
    with contextlib.suppress(StopIteration):
        request = next(requests)
        while True:
            if request < 0:
                blocks[~request] = None
            else:
                try:
                    block = alloc(request)
                except HeapExhausted:
                    played.live_when_refused.append(live_bytes(heap) / heap.capacity)
                    request = send(False)
                    continue
                if fill is not None:
                    fill(len(blocks), block)
                blocks.append(block)
                del block
            if malloc is not None:
                served.append(request)
                if len(served) == AT_ONCE:
                    malloc.play(served)
                    served.clear()
            request = send(True)
    if malloc is not None:
        malloc.play(served)
    return played


def live_bytes(heap: Heap) -> int:
    """Of all live blocks, with their words."""
    stats = heap.stats()
    return stats.live_bytes + stats.live_blocks * WORD_BYTES


def extent_of_live(heap: Heap) -> float:
    """How many times what is live lies below the highest byte in use."""
    heap.defrag()
    return (heap.capacity - heap.stats().wilderness_bytes) / live_bytes(heap)
