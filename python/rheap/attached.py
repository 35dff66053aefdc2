"""The shared heaps to which this process is attached, by their identity."""

from __future__ import annotations

import weakref

from .errors import HeapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Attached(Protocol):
        """A SharedHeap, which stands above this module."""

        @property
        def _id(self) -> int: ...
        @property
        def closed(self) -> bool: ...
        def redeem(self, ticket: bytes, /) -> Any: ...
        def _say_farewell(self) -> None: ...
        def _join_name(self) -> None: ...


_heaps: weakref.WeakValueDictionary[int, Attached] = weakref.WeakValueDictionary()


def remember(heap: Attached) -> None:
    """This process is attached to it from here on."""
    _heaps[heap._id] = heap


def known_heaps() -> list[Attached]:
    """Those that are open."""
    return [heap for heap in _heaps.values() if not heap.closed]


def known_heap(identity: int) -> Attached | None:
    """The open heap of that identity, if this process is attached to it."""
    heap = _heaps.get(identity)
    return None if heap is None or heap.closed else heap


def attached_heap(identity: int) -> Attached:
    """As `known_heap`; raises `HeapError` when this process is not attached."""
    heap = known_heap(identity)
    if heap is None:
        raise HeapError(
            f"this process is not attached to the shared heap {identity:016x}, in which an array "
            f"that it got lies; pass the SharedHeap to the process first, as an argument"
        )
    return heap
