"""A heap that several processes share: many arrays in one segment, each freed by itself."""

from __future__ import annotations

import contextlib
import errno
import os
import time

from . import _core, directory, handover, names
from .attached import known_heap, known_heaps, remember
from .errors import HeapBusy, HeapError
from .format.numbers import parse_count, parse_seconds
from .format.sizes import format_size
from .heap import Heap, parse_capacity
from .loading import no_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn, Self, SupportsIndex

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

    `name`: under which other programs of this user find it with `attach`, for as long as this
    process, or another that attached, has the heap. `capacity`: as of `Heap`. `objects`: how many
    blocks there can be at a time, and as many tickets; by default one for each 256 bytes, from
    4,096 to 1,048,576. `debug`: as of `Heap`.

    Raises `FileExistsError` while a living process has a heap of that name, `OSError` when the
    system refuses the segment, `ValueError` or `TypeError` for arguments that make no sense.

    A forked child has the heap, too, and its views stay valid. Where that cannot be (no descriptor
    or memory is left, 1,024 processes are attached, or another one keeps the lock for 10 seconds),
    every call in the child raises `OSError` that says why, and to touch an array that it inherited
    ends it (SIGSEGV): what lies there may be another's by then.

    >>> with SharedHeap("1 MiB") as heap:
    ...     ticket = heap.ticket(heap.alloc(5))
    ...     heap.redeem(ticket).size
    5
    """

    __slots__ = ("_name",)

    def __init__(
        self,
        capacity: SupportsIndex | str,
        *,
        name: str | None = None,
        objects: SupportsIndex | None = None,
        debug: bool = False,
    ) -> None:
        bytes_ = parse_capacity(capacity)
        if objects is None:
            fair = bytes_ // _BYTES_PER_OBJECT
            count = min(max(fair, _FEWEST_OBJECTS), _DEFAULT_MOST_OBJECTS)
        else:
            count = parse_count(objects, "objects", _core.MOST_OBJECTS)
        self._name = None if name is None else names.check_name(name)
        _core.Heap.__init__(self, bytes_, count, bool(debug))
        if name is not None and not names.publish(name, self._descriptor, self._id, owner=True):
            self._name = None
            self.close()
            raise FileExistsError(
                errno.EEXIST,
                f"a living process has a shared heap of the name {name!r}; use SharedHeap.attach",
            )
        _remember(self)

    @classmethod
    def attach(cls, name: str | None = None, *, fd: int | None = None, timeout: float = 0) -> Self:
        """The shared heap of that name, or behind a descriptor, which stays the caller's.

        `timeout`: how many seconds to wait for the name. In one process all attachments to a heap
        are one object. Raises `FileNotFoundError` when no living process has a heap of that name,
        `PermissionError` when only such have it that this one may not look into, `HeapMismatch`
        for a descriptor that is no shared heap's or is one of another version, `OSError` for one
        that is not open, when the system refuses the mapping, or when too many are attached.

        >>> with SharedHeap("1 MiB", name="doctest of attach") as heap:
        ...     SharedHeap.attach("doctest of attach") is heap
        True
        """
        if (name is None) == (fd is None):
            raise TypeError("attach() takes a name, or fd=, and not both")
        if fd is not None:
            return cls._attach_behind(fd)
        name = names.check_name(name)
        deadline = time.monotonic() + parse_seconds(timeout, "timeout")
        while True:
            found = names.find(name, max(deadline - time.monotonic(), 0))
            try:
                heap = cls._attach_behind(found)
            finally:
                os.close(found)
            if heap._name == name:
                return heap
            # While this attached the name may have gone, and may have come to another heap.
            if names.publish(name, heap._descriptor, heap._id, owner=False):
                heap._name = name
                return heap

    @classmethod
    def _attach_behind(cls, fd: int) -> Self:
        with no_fork:
            own = os.dup(fd)
            try:
                known = known_heap(_core.heap_id(own))
                if known is not None:
                    os.close(own)
                    return known  # type: ignore[return-value]
                heap = cls.__new__(cls)
                heap._name = None
                _core.Heap.__init__(heap, own)
            except BaseException:
                os.close(own)
                raise
            _remember(heap)
            return heap

    @property
    def name(self) -> str | None:
        """The name under which this process has it, or None."""
        return self._name

    def unlink(self) -> None:
        """Removes the name; the heap stays with those who have it.

        Raises `FileNotFoundError` when the heap has no name any more, `HeapBusy` when another
        process keeps the name locked.
        """
        if self._name is None:
            raise FileNotFoundError(errno.ENOENT, "this shared heap has no name")
        name, self._name = self._name, None
        try:
            names.unlink(name, self._id)
        except HeapBusy:
            self._name = name
            raise

    def close(self) -> None:
        """Leaves the heap: gives back what no view here sees, the rest with the last view.

        Others are not affected; the name goes when this process made the heap. To close a closed
        heap does nothing.
        """
        name, self._name = self._name, None
        if name is not None:
            with contextlib.suppress(OSError):
                names.withdraw(name, self._id)
        super().close()

    if TYPE_CHECKING:  # compiled, see with_sharing_methods

        def ticket(self, what: _core.Block | numpy.ndarray[Any, Any], /) -> bytes: ...
        def redeem(self, ticket: bytes, /) -> Any: ...

    def __setitem__(self, name: str, what: _core.Block | numpy.ndarray[Any, Any]) -> None:
        """Publishes an array or a Block under a name, in place of what was there.

        One of this heap as it is, any other as a copy. Readers have the old one or the new one;
        the old one lives on for those who have it. Raises `HeapExhausted` when there is no room,
        `TypeError` for anything else.
        """
        directory.publish(self, name, what)

    def __getitem__(self, name: str) -> Any:
        """What is published under a name, with its shape, strides and dtype; nothing is copied."""
        return directory.find(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """As `heap[name]`, or `default` when there is no such name."""
        try:
            return directory.find(self, name)
        except KeyError:
            return default

    def __delitem__(self, name: str) -> None:
        """Takes a name out; who has what it stood for keeps that."""
        if not _core.withdraw(self, directory.key_of(name)):
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        """Whether something is published under that name."""
        return isinstance(name, str) and _core.look_up(self, directory.key_of(name)) is not None

    def __len__(self) -> int:
        """How many names there are."""
        return _core.named(self)

    def __bool__(self) -> bool:
        """True, also when there is no name."""
        return True

    def __iter__(self) -> Iterator[str]:
        """The names of this moment, in no order."""
        return iter(directory.names(self))

    def wait(self, name: str, timeout: float | None = None, *, newer: Any = None) -> Any:
        """What is published under a name, as soon as there is something.

        `newer`: an array or Block that was looked up under a name, or published by this process;
        what was published is then waited for until it is another publication than that one, be it
        of the same block. (An array that is neither is never the same.) `timeout`: how many seconds
        to wait, for ever if None; then `TimeoutError`. Other threads run meanwhile.

        >>> with SharedHeap("1 MiB") as heap:
        ...     heap["front"] = heap.alloc(5)
        ...     heap.wait("front", timeout=1).size, list(heap)
        (5, ['front'])
        """
        return directory.wait(self, name, timeout, newer)

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

    def compact(self, *_bounds: object, **_named: object) -> NoReturn:
        """Raises `TypeError`: other processes may be looking at any block, so none moves."""
        raise TypeError(
            "a SharedHeap cannot compact: other processes may look at any of its blocks"
        )

    def compact_when(self, *_terms: object, **_named: object) -> NoReturn:
        """Raises `TypeError`, as `compact`."""
        self.compact()

    def fileno(self) -> int:
        """The descriptor of the segment, to pass to another process; it stays the heap's."""
        return self._descriptor

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a SharedHeap is handed over by multiprocessing alone: as an argument of a process, or "
            "through its queues and pipes; to others send the descriptor, heap.fileno()"
        )

    def _join_name(self) -> None:
        if self._name is not None:
            with contextlib.suppress(OSError):
                names.publish(self._name, self._descriptor, self._id, owner=False)

    def _say_farewell(self) -> None:
        """This process is about to end in good order."""
        _core.say_farewell(self)

    def __repr__(self) -> str:
        if self.closed:
            return "<rheap.SharedHeap, closed>"
        name = f" {self._name!r}" if self._name is not None else ""
        return f"<rheap.SharedHeap{name} of {format_size(self.capacity)}>"


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
        # Of a damaged heap, or one that excluded this process, nothing is left to be put in order.
        with contextlib.suppress(HeapError, OSError):
            heap._say_farewell()


def _join_names() -> None:
    """A forked child has the heaps of its parent, and may be the last that has them."""
    for heap in known_heaps():
        heap._join_name()


os.register_at_fork(after_in_child=_join_names)
