"""The heap that people use: the compiled one with reports and pictures."""

from __future__ import annotations

import os

from . import _core, arrays
from ._core import WORD_BYTES
from .arrays import ALIGN
from .errors import HeapClosed
from .format.numbers import parse_seconds
from .format.sizes import format_size, parse_size
from .loading import no_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any, Literal, NoReturn, Self, SupportsIndex, TypeAlias

    import numpy
    import numpy.typing

    from .looking import Blocks, CompactionTerms, CompactReport, HeapMap, HeapStats, Leaks
    from .traces.heap_recording import HeapRecording

    Shape: TypeAlias = SupportsIndex | Sequence[SupportsIndex]


def parse_capacity(capacity: SupportsIndex | str) -> int:
    """The bytes of a heap's capacity. Raises what `parse_size` raises, and `ValueError`."""
    bytes_ = parse_size(capacity, "capacity")
    if not _core.SMALLEST_CAPACITY <= bytes_ <= _core.CAPACITY_LIMIT:
        raise ValueError(
            f"capacity must be from {_core.SMALLEST_CAPACITY} bytes to 1 TiB, not {capacity!r}"
        )
    return bytes_


@_core.with_own_methods
class Heap(_core.Heap):
    """One region of memory and the blocks in it.

    `capacity`: bytes that blocks may take, an 8-byte word for each included; an int or a string
    such as "64 MiB", at most 1 TiB. Address space is reserved, memory is taken as it is used: page
    by page, and inside blocks of 4 MiB or more in huge pages of 2 MiB where the system has them.
    `prefault` takes all of it now, so that no page fault comes later (past a cgroup's limit that
    ends in a kill, not in an exception).
    `coalesce`: "deferred" keeps freed blocks unmerged for the next request of their size,
    "immediate" merges each at once.
    `policy`: which of the holes a request takes. "segregated" finds one that is nearly the
    smallest in constant time (Masmano et al., TLSF, 2004); "first", "next", "best" and "worst"
    are the textbooks' (Knuth, TAOCP 1, 2.5) and look at one hole after the other.
    `debug` fills new and freed memory with patterns, puts a fence behind each block that `free`
    and `check` verify, and warns of memory that is still seen when its block is closed.
    `auto_compact`: before a request is refused though enough is free, blocks that nobody looks at
    are moved together, about as few bytes as will do.

    Raises `OSError` when the system refuses the mapping, `ValueError` or `TypeError` for arguments
    that make no sense.

    >>> with Heap("1 MiB") as heap:
    ...     with heap.alloc(100) as block:
    ...         block[:5] = b"hello"
    ...         block[:5], block.size, block.capacity
    (b'hello', 100, 104)
    """

    __slots__ = ()

    def __init__(
        self,
        capacity: SupportsIndex | str,
        *,
        prefault: bool = False,
        coalesce: Literal["deferred", "immediate"] = "deferred",
        policy: Literal["segregated", "first", "next", "best", "worst"] = "segregated",
        debug: bool = False,
        auto_compact: bool = True,
    ) -> None:
        bytes_ = parse_capacity(capacity)
        if coalesce not in ("deferred", "immediate"):
            raise ValueError(f"coalesce must be 'deferred' or 'immediate', not {coalesce!r}")
        if policy not in _core.POLICIES:
            known = ", ".join(map(repr, _core.POLICIES))
            raise ValueError(f"policy must be one of {known}, not {policy!r}")
        super().__init__(
            bytes_,
            bool(prefault),
            coalesce == "immediate",
            policy,
            bool(debug),
            bool(auto_compact),
        )

    def __enter__(self) -> Self:
        """The heap itself; leaving the `with` closes it. Raises `HeapClosed` on a closed one."""
        if self.closed:
            raise HeapClosed("enter")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the heap."""
        self.close()

    def full(
        self,
        shape: Shape,
        fill_value: Any,
        dtype: numpy.typing.DTypeLike | None = None,
        *,
        align: SupportsIndex | str = ALIGN,
    ) -> numpy.ndarray[Any, Any]:
        """A NumPy array of that value in a block of this heap, as `numpy.full` makes one.

        `fill_value`: a number, or what can be broadcast to the shape. `dtype`: that of the value
        if None. `align`, and what is raised: as of `array`; `ValueError` for a value that does not
        fit the shape.

        >>> Heap("1 MiB").full(3, 7).tolist()
        [7, 7, 7]
        """
        return arrays.make_full(self, shape, fill_value, dtype, align)

    def copy(self, a: Any, *, align: SupportsIndex | str = ALIGN) -> numpy.ndarray[Any, Any]:
        """A copy of an array in a block of this heap, as `numpy.copy` makes one.

        `a`: an array of any memory, or what NumPy makes one of. The order of its axes in memory is
        kept. `align`, and what is raised: as of `array`.

        >>> Heap("1 MiB").copy([[1, 2], [3, 4]]).sum(axis=0).tolist()
        [4, 6]
        """
        return arrays.make_copy(self, a, align)

    def compact(
        self, max_bytes: SupportsIndex | str | None = None, max_seconds: float | None = None
    ) -> CompactReport:
        """Moves live blocks towards the low end, so that what is free comes together.

        A block whose address somebody may know stays: a pinned or an exposed one. The others keep
        their contents and alignment, and their handles see nothing but another `offset`.
        `max_bytes`: of blocks that are moved. `max_seconds`: of all that it does. The next call
        goes on where this one stopped; a block that no such call could move stays. Other threads
        wait. The pages behind the blocks go back to the system by `trim()`.

        Raises `HeapClosed`, `HeapCorruption`, `TypeError`, and `ValueError` for a negative bound.

        >>> heap = Heap("1 MiB")
        >>> kept = [heap.alloc(100) for _ in range(1000)][::2]
        >>> report = heap.compact()
        >>> report.moved_blocks, report.finished, report.largest_after == report.free_bytes
        (499, True, True)
        """
        bytes_ = None if max_bytes is None else parse_size(max_bytes, "max_bytes")
        seconds = None if max_seconds is None else parse_seconds(max_seconds, "max_seconds")
        with no_fork:
            from .looking import CompactReport
        return CompactReport(**_core.compact(self, bytes_, seconds))

    def compact_when(
        self, fragmentation: float | None = 1.4, until: float = 1.05, budget: float = 0.05
    ) -> None:
        """From here on keeps the extent near what is live, a little with each operation.

        When the extent is `fragmentation` times the live bytes, blocks are moved as by `compact()`
        until it is `until` times, or no more can be moved. A pass takes 1 ms, and all together no
        more than `budget` of the time since this call. Heaps with an extent below 1 MiB are left
        alone, and so is one on which nothing is allocated or freed. None ends it.

        Arrays of up to 64 KiB are then made near the low end, where blocks that stay are in
        nobody's way. Every operation takes the longer way: some tens of nanoseconds more.

        Raises `HeapClosed`, and `ValueError` unless 1 <= until <= fragmentation and
        0 < budget <= 1.

        >>> heap = Heap("64 MiB")
        >>> heap.compact_when(fragmentation=1.4)
        >>> heap.compaction_terms.until
        1.05
        >>> heap.compact_when(None)
        """
        if fragmentation is not None and not 1 <= until <= fragmentation < float("inf"):
            raise ValueError(
                f"until and fragmentation must be 1 or more, until the smaller one, not {until!r} "
                f"and {fragmentation!r}"
            )
        if not 0 < budget <= 1:
            raise ValueError(f"budget must be a share of the time, up to 1, not {budget!r}")
        _core.compact_when(self, fragmentation, until, budget)

    @property
    def compaction_terms(self) -> CompactionTerms | None:
        """What `compact_when` was called with last, or None: the heap moves nothing by itself."""
        terms = _core.compaction_terms(self)
        if terms is None:
            return None
        with no_fork:
            from .looking import CompactionTerms
        return CompactionTerms(*terms)

    def record(
        self, path: str | os.PathLike[str], *, sites: bool = False, times: bool = False
    ) -> HeapRecording:
        """A context manager that writes a trace of what happens to this heap's blocks.

        `path`: a file that is replaced; compressed when the recording ends if it ends in ".gz".
        `sites`: name the line and the function behind each allocation and resize.
        `times`: tell when each operation was, in microseconds since the recording began.

        A line for each operation that changes a block, and for each `compact()`, in the format that
        `rheap.traces` describes. (What the heap moves by itself is left out.) A block counts as
        freed when its memory returns. Frees of blocks that are older than the recording are left
        out and counted. What the `with` gives has a `summary` once it has ended.

        Entering raises `HeapClosed`, `OSError` when the file cannot be written, and `RuntimeError`
        while the heap is being recorded already; leaving raises `OSError` when the trace could not
        be written to its end.
        """
        with no_fork:
            from .traces.heap_recording import HeapRecording
        return HeapRecording(self, path, sites=sites, times=times)

    def stats(self) -> HeapStats:
        """The figures of this moment. Walks the region once."""
        with no_fork:
            from .looking import HeapStats
        return HeapStats(**_core.statistics(self))

    def blocks(self) -> Blocks:
        """Every block, in address order: a sequence of this moment (later changes do not show).

        `heap.blocks()[0]` is a `BlockInfo`, a named tuple that is made when it is looked at, so a
        heap may have millions. Raises
        `HeapClosed`, and `HeapCorruption` when the region is damaged.

        >>> heap = Heap("1 MiB")
        >>> kept = [heap.alloc(size) for size in (10, 20, 30)]
        >>> len(heap.blocks()), heap.blocks()[-1].size, sum(b.capacity for b in heap.blocks())
        (3, 30, 72)
        """
        with no_fork:
            from .looking import Blocks
        return Blocks(_core.rows(self))

    def leaks(self) -> Leaks:
        """Who holds the live blocks, by the line that allocated them, most bytes first.

        With `debug=True` the heap knows those lines; without, all blocks stand under one unknown
        site. Blocks that are closed but still seen are counted as lingering.

        >>> heap = Heap("1 MiB", debug=True)
        >>> kept = [heap.alloc(1000) for _ in range(3)]
        >>> heap.leaks()[0].bytes, heap.leaks()[0].blocks
        (3000, 3)
        """
        with no_fork:
            from .looking import Holder, Leaks
        return Leaks(Holder(*holder) for holder in _core.holders(self))

    def map(
        self,
        offset: SupportsIndex | str | None = None,
        length: SupportsIndex | str | None = None,
    ) -> HeapMap:
        """The picture of the region; `print` it, or `save` it.

        `offset`, `length` (bytes): only this part; from `offset` (that of a block, say) to the end
        of the region if no length is given. A part with at most 24 blocks is shown byte for byte
        (of payloads that take more than 8 lines the ends), with what each bit of a word and each
        link means. The figures are always those of the whole heap.
        Raises `ValueError` for a part that is outside the region, and what `alloc` raises for an
        invalid size.
        """
        with no_fork:
            from .looking import FEW_BLOCKS, HeapMap
        first, end = _core.FIRST_BLOCK, _core.FIRST_BLOCK + self.capacity
        if offset is None and length is None:
            return HeapMap(_core.snapshot(self, first, end, 0))
        start = first if offset is None else parse_size(offset, "offset")
        bytes_ = end - start if length is None else parse_size(length, "length")
        if not first <= start < end:
            raise ValueError(
                f"offset +0x{start:x} is outside the region, which goes from +0x{first:x} to "
                f"before +0x{end:x}"
            )
        if bytes_ == 0:
            raise ValueError("a map of 0 bytes shows nothing; length must be 1 at the least")
        stop = min(-(-(start + bytes_) // WORD_BYTES) * WORD_BYTES, end)
        start -= start % WORD_BYTES
        return HeapMap(
            _core.snapshot(self, start - WORD_BYTES, stop, FEW_BLOCKS), part=(start, stop)
        )

    def __repr__(self) -> str:
        if self.closed:
            return "<rheap.Heap, closed>"
        terms = _core.compaction_terms(self)
        plan = ", compact_when({!r}, until={!r}, budget={!r})".format(*terms) if terms else ""
        return f"<rheap.Heap of {format_size(self.capacity)}{plan}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Heap cannot be copied or pickled: it is memory of this process; "
            "bytes(block) copies what is in a block"
        )
