"""A heap that several processes share: many arrays in one segment, each freed by itself."""

from __future__ import annotations

import os

from . import _core, handover
from .attached import known_heap, known_heaps, remember
from .format.sizes import format_size, parse_size
from .heap import Heap
from .loading import no_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self, SupportsIndex

    import numpy

    from .looking import ProcessInfo, TicketInfo

_BYTES_PER_OBJECT = 256
_FEWEST_OBJECTS = 4096
_DEFAULT_MOST_OBJECTS = 1 << 20


@_core.with_sharing_methods
@_core.with_own_methods
class SharedHeap(Heap):
    """A Heap in a segment that several processes of one machine map.

    Pass it to other processes as an argument of `multiprocessing`, and hand them arrays and Blocks
    through its queues and pipes, or as tickets over anything that carries bytes: nothing is copied.
    A block returns when no process and no ticket has it, however its processes end.

    `capacity`: as of `Heap`. `objects`: how many blocks there can be at a time, and as many
    tickets; by default one for each 256 bytes, from 4,096 to 1,048,576. `debug`: as of `Heap`.

    Raises `OSError` when the system refuses the segment, `ValueError` or `TypeError` for arguments
    that make no sense. In a child that was forked while 1,024 processes were attached, or while
    another process kept the heap's lock for 10 seconds, everything raises `OSError`.

    >>> with SharedHeap("1 MiB") as heap:
    ...     ticket = heap.ticket(heap.alloc(5))
    ...     heap.redeem(ticket).size
    5
    """

    __slots__ = ()

    def __init__(
        self,
        capacity: SupportsIndex | str,
        *,
        objects: SupportsIndex | None = None,
        debug: bool = False,
    ) -> None:
        bytes_ = parse_size(capacity, "capacity")
        if not _core.SMALLEST_CAPACITY <= bytes_ <= _core.CAPACITY_LIMIT:
            raise ValueError(
                f"capacity must be from {_core.SMALLEST_CAPACITY} bytes to 1 TiB, not {capacity!r}"
            )
        if objects is None:
            fair = bytes_ // _BYTES_PER_OBJECT
            count = min(max(fair, _FEWEST_OBJECTS), _DEFAULT_MOST_OBJECTS)
        else:
            count = objects.__index__()
        if not 1 <= count <= _core.MOST_OBJECTS:
            raise ValueError(f"objects must be from 1 to {_core.MOST_OBJECTS:,}, not {objects!r}")
        _core.Heap.__init__(self, bytes_, count, bool(debug))
        _remember(self)

    @classmethod
    def attach(cls, *, fd: int) -> Self:
        """The shared heap behind a descriptor, which stays the caller's.

        In one process all attachments to a heap are one object. Raises `HeapMismatch` for a
        descriptor that is no shared heap's, `OSError` for one that is not open, when the system
        refuses the mapping or when too many processes are attached.
        """
        with no_fork:
            own = os.dup(fd)
            try:
                known = known_heap(_core.heap_id(own))
                if known is not None:
                    os.close(own)
                    return known  # type: ignore[return-value]
                heap = cls.__new__(cls)
                _core.Heap.__init__(heap, own)
            except BaseException:
                os.close(own)
                raise
            _remember(heap)
            return heap

    if TYPE_CHECKING:  # compiled, see with_sharing_methods

        def ticket(self, what: _core.Block | numpy.ndarray[Any, Any], /) -> bytes: ...
        def redeem(self, ticket: bytes, /) -> Any: ...

    def processes(self) -> list[ProcessInfo]:
        """The processes that are attached, this one among them. Buries those that have died."""
        with no_fork:
            from .looking import ProcessInfo
        return [ProcessInfo._make(member) for member in _core.members(self)]

    def tickets(self) -> list[TicketInfo]:
        """The tickets that nobody claimed yet, oldest first."""
        with no_fork:
            from .looking import TicketInfo
        return [TicketInfo._make(flight) for flight in _core.in_flight(self)]

    def recall(self, *, dead: bool = False) -> int:
        """Takes back the tickets that this process sent and nobody claimed; returns how many.

        `dead`: those of processes that died instead. (They are dropped anyway, oldest first, when a
        request would else be refused.)
        """
        return _core.recall(self, bool(dead))

    def reap(self) -> int:
        """Gives back now what processes had that have died; returns how many those were.

        It happens by itself when a process attaches and before a request is refused.
        """
        return _core.reap(self)

    def fileno(self) -> int:
        """The descriptor of the segment, to pass to another process; it stays the heap's."""
        return self._descriptor

    def _say_farewell(self) -> None:
        """This process is about to end in good order."""
        _core.say_farewell(self)

    def __repr__(self) -> str:
        if self.closed:
            return "<rheap.SharedHeap, closed>"
        return f"<rheap.SharedHeap of {format_size(self.capacity)}>"


def _remember(heap: SharedHeap) -> None:
    remember(heap)
    from multiprocessing.reduction import ForkingPickler

    ForkingPickler.register(SharedHeap, _reduce_heap)
    handover.teach_multiprocessing()
    _leave_at_exit()


def _reduce_heap(heap: SharedHeap) -> tuple[Any, ...]:
    from multiprocessing.reduction import DupFd

    return _attach_unpickled, (DupFd(heap._descriptor),)


def _attach_unpickled(duplicate: Any) -> SharedHeap:
    descriptor = duplicate.detach()
    try:
        return SharedHeap.attach(fd=descriptor)
    finally:
        os.close(descriptor)


_will_leave = False


def _leave_at_exit() -> None:
    """Has this process leave its heaps in good order when it ends.

    Children of multiprocessing run its finalizers and no `atexit`; the main process runs both.
    """
    global _will_leave
    if _will_leave:
        return
    _will_leave = True
    from multiprocessing import util

    util.Finalize(None, _leave_all, exitpriority=-100)
    util.register_after_fork(SharedHeap, _leave_at_exit_of_child)


def _leave_at_exit_of_child(_: object) -> None:
    global _will_leave
    _will_leave = False
    _leave_at_exit()


def _leave_all() -> None:
    for heap in known_heaps():
        heap._say_farewell()
