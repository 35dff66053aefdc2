"""What rheap raises, and in which words.

    HeapError
    ├── HeapExhausted(MemoryError)     no room
    ├── BlockFreed(ValueError)         a closed block was used
    ├── ForeignBlock(ValueError)       a block of another heap was to be freed
    ├── BlockPinned(BufferError)       a block was to be freed or resized while somebody sees it
    ├── HeapClosed(ValueError)         a closed heap, or a block of one, was used
    ├── HeapCorruption(RuntimeError)   the region is not what the heap wrote
    ├── HeapBusy(TimeoutError)         another process has the lock of a shared heap, and keeps it
    ├── HeapMismatch(ValueError)       a descriptor is no shared heap that can be attached to
    ├── BlockGone(LookupError)         nobody has the block any more that a ticket was for
    ├── BlockShared(BufferError)       a block that others have, too, was to be resized
    └── WrongChoice(ValueError)        a policy of one's own chose what is no hole

    TraceError(ValueError)             a file is not a trace

    LingeringWarning(RuntimeWarning)   on a debug heap: the memory of a closed block waits

An operation that raises one of them has changed no block and no content. There is one exception:
when freeing a block meets damage elsewhere, in a list, that block is closed.
"""

from __future__ import annotations

from ._core import WORD_BYTES
from .loading import no_fork

TYPE_CHECKING = False  # `typing` would take half of the time that importing the package takes
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, ClassVar

    from .reports import Holder

__all__ = [
    "BlockFreed",
    "BlockGone",
    "BlockPinned",
    "BlockShared",
    "ForeignBlock",
    "HeapBusy",
    "HeapClosed",
    "HeapCorruption",
    "HeapError",
    "HeapExhausted",
    "HeapMismatch",
    "LingeringWarning",
    "TraceError",
    "WrongChoice",
]


def _named(holders: Iterable[tuple[str | None, int, int, int, int]]) -> tuple[Holder, ...]:
    known = tuple(holders)
    if not known:
        return ()
    with no_fork:
        from .reports import Holder
    return tuple(Holder(*holder) for holder in known)


def _why_it_stays(views: int) -> str:
    if not views:
        return "exposed"
    return "1 view" if views == 1 else f"{views:,} views"


def _words_of(walls: tuple[int, int, tuple[tuple[int, int, int], ...]]) -> str:
    count, bytes_, largest = walls
    some = ", ".join(
        f"{size:,} at +0x{offset:x} ({_why_it_stays(views)})" for offset, size, views in largest
    )
    blocks = "1 block that may" if count == 1 else f"{count:,} blocks that may"
    return (
        f"{blocks} not move ({bytes_:,} bytes: {some}{', ...' if count > len(largest) else ''}); "
        f"drop the views of such blocks, or make the heap larger"
    )


class HeapError(Exception):
    """Whatever a heap refuses."""

    _facts: ClassVar[tuple[str, ...]] = ()
    """The attributes that the error is made from."""

    def __reduce__(self) -> tuple[Any, ...]:
        # BaseException would call the class with the message; these are made from their facts.
        facts = tuple(getattr(self, fact) for fact in self._facts)
        return (type(self), facts or self.args, vars(self))


class HeapExhausted(HeapError, MemoryError):
    """No hole is large enough, although all was merged that could be, and moved that may.

    `requested`, `free` (in all holes), `largest` (the largest request that would be served, see
    `HeapStats.largest_merged`), `capacity` and `overhead` (what each block takes besides) are in
    bytes. `holders`: on a heap with debug=True the three sites that hold most, else empty.
    `records`: "objects" or "tickets" when a shared heap has no record left for one more, and
    `capacity` is how many it has; else None. `walls`: where more is free than was asked for, on a
    heap that moves blocks, those that may not move: how many, their bytes, and (offset, bytes,
    views) of the three largest; an exposed one has no views. Else None.
    """

    _facts = ("requested", "free", "largest", "capacity", "holders", "overhead", "records", "walls")

    def __init__(
        self,
        requested: int,
        free: int,
        largest: int,
        capacity: int,
        holders: Iterable[tuple[str | None, int, int, int, int]] = (),
        overhead: int = WORD_BYTES,
        records: str | None = None,
        walls: tuple[int, int, tuple[tuple[int, int, int], ...]] | None = None,
    ) -> None:
        self.walls = walls
        self.holders = _named(holders)
        self.requested = requested
        self.free = free
        self.largest = largest
        self.capacity = capacity
        self.overhead = overhead
        self.records = records
        if records:
            HeapError.__init__(
                self,
                f"cannot make one more of {capacity:,} {records}: each has a record in the heap, "
                f"and all are in use; free some, or make the heap with a larger `objects`",
            )
            return
        if requested > capacity:
            help_ = "the heap is smaller than that; make it larger"
        elif requested > capacity - overhead:
            fence = overhead - WORD_BYTES
            besides = f"a word of {WORD_BYTES} bytes" + (
                f" and a fence of {fence}" if fence else ""
            )
            help_ = (
                f"each block takes {besides} besides, so this heap gives "
                f"{max(capacity - overhead, 0):,} at the most; make it larger"
            )
        elif requested > free:
            help_ = "free blocks, or make the heap larger"
        elif requested <= largest:
            help_ = (
                "but no hole can hold them at that alignment; ask for a smaller align, "
                "or make the heap larger"
            )
        elif walls and walls[0]:
            help_ = f"the free bytes are scattered between {_words_of(walls)}"
        else:
            help_ = (
                "the free bytes are scattered between live blocks; free a block beside a hole, "
                "or make the heap larger"
            )
        most = "".join(f"\n  {holder}" for holder in self.holders if requested <= capacity)
        super().__init__(
            f"cannot allocate {requested:,} bytes: {free:,} of {capacity:,} are free, "
            f"the largest request that fits is {largest:,}; {help_}"
            + (most and f"; most is held by{most}")
        )


class BlockFreed(HeapError, ValueError):
    """The block was closed before.

    `verb` is what was refused. `allocated` and `freed`: on a heap with debug=True the lines that
    did so, as "file.py:12 function", else None.
    """

    _facts = ("verb", "allocated", "freed")

    def __init__(self, verb: str, allocated: str | None = None, freed: str | None = None) -> None:
        self.verb = verb
        self.allocated = allocated
        self.freed = freed
        if verb == "free":
            fact = "cannot free a block that was freed already; free it once"
        else:
            fact = (
                f"cannot {verb} a block that was freed; keep it open for as long as it is used, "
                f"or take a view of it while it is open"
            )
        lines = "a heap with debug=True says where"
        if allocated or freed:
            unknown = "an unknown line"
            lines = f"allocated at {allocated or unknown}, freed at {freed or unknown}"
        super().__init__(f"{fact} ({lines})")


class ForeignBlock(HeapError, ValueError):
    """The block belongs to another heap. `offset` is its place there, in bytes."""

    _facts = ("offset",)

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(
            f"cannot free block at +0x{offset:x}: it belongs to another heap; "
            f"call block.free(), which knows its own"
        )


class BlockPinned(HeapError, BufferError):
    """Somebody may be looking at the block.

    `verb` is what was refused, `offset` the block's place in the region in bytes, `holders` how
    many views of it are alive at the least; 0 when none is but the block is exposed.
    """

    _facts = ("verb", "offset", "holders")

    def __init__(self, verb: str, offset: int, holders: int) -> None:
        self.verb = verb
        self.offset = offset
        self.holders = holders
        if holders:
            who = "1 holder still sees" if holders == 1 else f"{holders} holders still see"
            why = f"at least {who} it; release the memoryview or delete the array first"
        else:
            why = (
                "it is exposed (something took the Block itself as a buffer, or block.address was "
                "read), and more refers to it than the names here; drop that first, or give away "
                "block.view() instead of the block"
            )
        super().__init__(f"cannot {verb} block at +0x{offset:x}: {why}")


class HeapClosed(HeapError, ValueError):
    """The heap was closed."""

    _facts = ("verb",)

    def __init__(self, verb: str) -> None:
        self.verb = verb
        super().__init__(f"cannot {verb}: the heap is closed; make a new one")


class HeapCorruption(HeapError, RuntimeError):
    """The region is damaged: something wrote where it owned nothing.

    `offset` is where it was seen, in bytes from the region's base (before the first block: in the
    header), `invariant` what should hold there, `debug` whether the heap has debug=True. The heap
    refuses further work; blocks that are open stay readable.
    """

    _facts = ("offset", "invariant", "debug")

    def __init__(self, offset: int, invariant: str, debug: bool = False) -> None:
        self.offset = offset
        self.invariant = invariant
        self.debug = debug
        super().__init__(
            f"heap damaged at +0x{offset:x}: {invariant} does not hold there; something wrote "
            f"past its block or through a stale address"
            + ("" if debug else " (a heap with debug=True says which)")
        )


class HeapBusy(HeapError, TimeoutError):
    """Another process has the lock of a shared heap, and did not give it back in 10 seconds.

    `pid` is that process, or 0 where it could not be seen. It is stopped, or very busy; nothing is
    taken away from a process that lives.
    """

    _facts = ("pid",)

    def __init__(self, pid: int) -> None:
        self.pid = pid
        who = f"process {pid} has" if pid else "another process has"
        super().__init__(
            f"the heap is busy: {who} had its lock for 10 seconds; let it run on, or end it "
            f"(what it left half done is then made whole)"
        )


class HeapMismatch(HeapError, ValueError):
    """A descriptor is no shared heap that this rheap can attach to. `reason` says why."""

    _facts = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"cannot attach: {reason}; pass the descriptor of a SharedHeap, made by this version"
        )


class BlockGone(HeapError, LookupError):
    """Nobody has the block any more that a ticket was for, or the ticket is none of this heap's."""

    def __init__(self) -> None:
        super().__init__(
            "nobody has the block of this ticket any more: it was claimed and then freed, taken "
            "back, or it is a ticket of another heap; redeem each ticket once, in the heap it is of"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (), vars(self))


class BlockShared(HeapError, BufferError):
    """A block was to be resized that other processes or tickets have, too.

    `offset` is its place in the region in bytes.
    """

    _facts = ("offset",)

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(
            f"cannot resize block at +0x{offset:x}: other processes, tickets or Blocks have it, "
            f"too; copy it to a new block instead"
        )


class WrongChoice(HeapError, ValueError):
    """A placement policy of one's own answered with what is no hole that holds the block.

    `file`, `line` and `operation` (counted from 0) say where in the trace, `size` is what the block
    needs in bytes, its word included, `answer` what the policy returned.
    """

    _facts = ("file", "line", "operation", "size", "answer")

    def __init__(self, file: str, line: int, operation: int, size: int, answer: object) -> None:
        self.file = file
        self.line = line
        self.operation = operation
        self.size = size
        self.answer = answer
        super().__init__(
            f"{file}, line {line}, operation {operation}: the policy answered {answer!r:.200}, "
            f"which is no hole of at least {size:,} bytes; return one of the holes given, or None"
        )


class LingeringWarning(RuntimeWarning):
    """A block of a heap with debug=True was closed, and its memory waits: something may see it.

    Says why, which line allocated the block, and what to do.
    """


class TraceError(ValueError):
    """A file is not a trace of allocations.

    `file` and `line` (counted from 1) say where it stops being one, `reason` why.
    """

    def __init__(self, file: str, line: int, reason: str) -> None:
        self.file = file
        self.line = line
        self.reason = reason
        super().__init__(file, line, reason)

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"
