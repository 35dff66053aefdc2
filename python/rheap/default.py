"""The four functions: one heap for the whole process.

>>> heap = init_heap("64 MiB")
>>> block = r_alloc(100)
>>> block.size, block.capacity
(100, 104)
>>> r_free(block)
True
>>> r_defrag()
1
"""

from __future__ import annotations

import time

from ._core import Block, make_r_free
from .errors import HeapClosed, HeapError
from .heap import Heap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, SupportsIndex

# No lock guards these: a fork could copy it while it is held, and a finalizer that comes here could
# wait for its own thread.
_heap: Heap | None = None
_replacing = 0  # calls of init_heap between closing one heap and setting the next


def init_heap(capacity: SupportsIndex | str = "64 MiB", **options: Any) -> Heap:
    """Makes the default heap of `capacity` bytes and returns it; `options` as for `Heap`.

    A default heap of which nothing is live is closed and replaced; otherwise raises `HeapError`.
    """
    global _heap, _replacing
    heap, old = Heap(capacity, **options), _heap
    _replacing += 1
    try:
        if old is not None and not old._close_if_unused():
            raise HeapError(
                f"cannot replace the default heap: {old._bound_blocks} of its blocks are live; "
                f"free them first, or make a heap of your own with rheap.Heap"
            )
        _heap = heap
    finally:
        _replacing -= 1
    return heap


def r_alloc(size: SupportsIndex | str) -> Block:
    """A Block of `size` bytes from the default heap; its capacity is padded to 8 bytes.

    Raises what `Heap.alloc` raises, and `HeapError` before `init_heap`.
    """
    while True:
        heap = _default()
        try:
            return heap.alloc(size)
        except HeapClosed:
            if heap is _heap and not _replacing:
                raise
            time.sleep(0)  # another thread is in the middle of init_heap


def r_defrag() -> int:
    """Merges all neighbouring free blocks of the default heap; returns the number of merges."""
    return _default().defrag()


def _default() -> Heap:
    if _heap is None:
        raise HeapError("there is no default heap yet; call rheap.init_heap first")
    return _heap


r_free = make_r_free(_default, "rheap")
