"""What a heap says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import NamedTuple, NoReturn, SupportsIndex, overload

from . import _core
from .format.sizes import format_size


class BlockState(StrEnum):
    """What a block is, as `Heap.blocks()` and the pictures tell it."""

    LIVE = "live"
    """A Block owns it, nobody looks at it."""
    PINNED = "pinned"
    """A view of it is alive."""
    EXPOSED = "exposed"
    """A plain buffer request saw its address, which may have been kept."""
    LINGERING = "lingering"
    """Closed, but somebody may still look at it."""
    DEFERRED = "deferred"
    """Freed and not merged yet: ready for the next request of its size."""
    FREE = "free"
    """Freed and merged with its free neighbours."""

    @property
    def is_live(self) -> bool:
        """Whether the block is not the heap's to give."""
        return self not in (BlockState.DEFERRED, BlockState.FREE)


_core.use_states(tuple(BlockState))  # refuses others than the core knows; rows tell these


class BlockInfo(NamedTuple):
    """One block of the region.

    `offset`: bytes from the region's base to the payload. `size`: bytes asked for, or `capacity`
    when nobody owns the block. `capacity`: payload bytes. The 8-byte word stands before `offset`.
    `holders`: how many views of it are alive at the least; of a lingering block 0 says that it is
    exposed and waits for the last reference. `site`: "file.py:12 function" of the
    line that allocated it, on debug heaps, always printable. `pids`: of a live block of a shared
    heap the processes that have it, none while only tickets and names have; None for any other.
    """

    offset: int
    size: int
    capacity: int
    state: BlockState
    holders: int = 0
    site: str | None = None
    pids: tuple[int, ...] | None = None

    @property
    def reason(self) -> str | None:
        """What keeps a pinned or lingering block where it is; None for one in another state."""
        if self.state is BlockState.LINGERING and self.holders == 0:
            return "exposed, waiting for the last reference"
        if self.holders == 0:
            return None
        return "seen by 1 view" if self.holders == 1 else f"seen by {self.holders:,} views"

    @property
    def owners(self) -> str | None:
        """Which processes have a live block of a shared heap; None for any other."""
        if self.pids is None:
            return None
        if not self.pids:
            return "of no process"
        pids = ", ".join(map(str, self.pids))
        return f"of process {pids}" if len(self.pids) == 1 else f"of processes {pids}"


class Blocks(Sequence[BlockInfo]):
    """The blocks of one moment in address order, as `Heap.blocks()` gives them; later changes do
    not show.

    A `BlockInfo` is made when somebody asks for it. A slice is such a sequence, too.

    >>> from rheap import Heap
    >>> heap = Heap("1 MiB")
    >>> kept = [heap.alloc(size) for size in (10, 20)]
    >>> heap.blocks()[0].size, [block.size for block in heap.blocks()[1:]]
    (10, [20])
    """

    __slots__ = ("_places", "_rows")

    def __init__(self, rows: _core.Rows, places: range | None = None) -> None:
        self._rows = rows
        self._places = range(len(rows)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, key: SupportsIndex) -> BlockInfo: ...
    @overload
    def __getitem__(self, key: slice) -> Blocks: ...
    def __getitem__(self, key: SupportsIndex | slice) -> BlockInfo | Blocks:
        if isinstance(key, slice):
            return Blocks(self._rows, self._places[key])
        try:
            place = self._places[key]
        except IndexError:
            raise IndexError(f"index {key} of {len(self):,} blocks") from None
        return BlockInfo._make(self._rows.read(place, 1, 1)[0])

    def __iter__(self) -> Iterator[BlockInfo]:
        for at in range(0, len(self), _AT_ONCE):
            some = self._places[at : at + _AT_ONCE]
            yield from map(BlockInfo._make, self._rows.read(some.start, some.step, len(some)))

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Blocks cannot be copied or pickled: they are an array of this process; "
            "list(blocks) can be"
        )

    def __repr__(self) -> str:
        return f"<rheap.Blocks, {len(self):,} at one moment>"


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What one `Heap.compact()` did. Bytes of blocks include their words.

    `moved_*`: what was moved. `pinned_*`, `exposed_*`: what stood behind a hole and had to stay,
    since a view is alive or somebody may have kept its address. `too_large_*`: what stayed because
    no call with these bounds could move it. `largest_before`, `largest_after`: the largest hole.
    `free_bytes`: of all holes. `extent_before`, `extent_after`: from the first block to the end of
    the last. `seconds`: how long it took. `finished`: it came to the last block; if not, the next
    call goes on from where this one stopped.
    """

    moved_blocks: int
    moved_bytes: int
    pinned_blocks: int
    pinned_bytes: int
    exposed_blocks: int
    exposed_bytes: int
    too_large_blocks: int
    too_large_bytes: int
    largest_before: int
    largest_after: int
    free_bytes: int
    extent_before: int
    extent_after: int
    seconds: float
    finished: bool

    def __str__(self) -> str:
        stayed = "".join(
            f", {blocks:,} {why} stayed"
            for blocks, why in (
                (self.pinned_blocks, "pinned"),
                (self.exposed_blocks, "exposed"),
                (self.too_large_blocks, "too large for these bounds"),
            )
            if blocks
        )
        return (
            f"moved {format_size(self.moved_bytes)} in {self.moved_blocks:,} "
            f"block{'' if self.moved_blocks == 1 else 's'}{stayed}; "
            f"largest hole {format_size(self.largest_before)} -> {format_size(self.largest_after)} "
            f"of {format_size(self.free_bytes)} free; extent {format_size(self.extent_before)} -> "
            f"{format_size(self.extent_after)}{'' if self.finished else '; to be continued'}"
        )


class CompactionTerms(NamedTuple):
    """When a heap moves blocks by itself: what `compact_when` was called with.

    `fragmentation`: it begins when the extent is so many times the live bytes, `until`: and ends at
    so many times. `budget`: the share of the time that it may take.
    """

    fragmentation: float
    until: float
    budget: float


class ProcessInfo(NamedTuple):
    """A process that is attached to a shared heap.

    `pid`: 0 for a forked child that has not said its own yet. `since`: seconds since 1970 when it
    attached. `blocks`, `bytes`: the blocks that it has, and the bytes asked for in them. `tickets`:
    how many of those that it sent nobody claimed yet. `inherited`: it was forked by a process that
    was attached, and inherited what that one had.
    """

    pid: int
    since: float
    blocks: int
    bytes: int
    tickets: int
    inherited: bool


class TicketInfo(NamedTuple):
    """A ticket that nobody claimed yet.

    `sender`: "alive", "left" (it closed the heap, or ended in good order) or "died". `pid`: of a
    sender that is alive, else None. `offset`, `size`: of the block, in bytes.
    """

    sender: str
    pid: int | None
    offset: int
    size: int


_AT_ONCE = 1024  # rows that are made into objects in one go


def tell_lingering(lingering: int, waiting: int) -> str:
    """How many blocks linger, and why."""
    reasons = [
        f"{lingering - waiting:,} seen by views" if waiting < lingering else "",
        f"{waiting:,} exposed, waiting for the last reference" if waiting else "",
    ]
    return f"{lingering:,} lingering ({'; '.join(filter(None, reasons))})"


class Holder(NamedTuple):
    """What the blocks of one line of code hold.

    `site`: "file.py:12 function", or None where it is not known (heaps without `debug=True`).
    `bytes`: asked for, in all. `blocks`: how many. `lingering`: those of them that are closed but
    may still be seen. `waiting`: those of the lingering ones that no view sees; they are exposed
    and wait for the last reference.
    """

    site: str | None
    bytes: int
    blocks: int
    lingering: int
    waiting: int

    def __str__(self) -> str:
        blocks = "1 block" if self.blocks == 1 else f"{self.blocks:,} blocks"
        lingering = f", {tell_lingering(self.lingering, self.waiting)}" if self.lingering else ""
        return f"{format_size(self.bytes)} in {blocks}{lingering}: {self.site or 'unknown site'}"


class Leaks(tuple[Holder, ...]):
    """The holders of a heap's live blocks, most bytes first; `print` it."""

    __slots__ = ()

    def __str__(self) -> str:
        if not self:
            return "no live blocks"
        hint = (
            "" if self[0].site else "; a heap with debug=True knows the lines that allocated them"
        )
        total = Holder(
            f"in all{hint}",
            sum(holder.bytes for holder in self),
            sum(holder.blocks for holder in self),
            sum(holder.lingering for holder in self),
            sum(holder.waiting for holder in self),
        )
        return "\n".join(map(str, [*self, total]))


@dataclass(frozen=True, slots=True)
class HeapStats:
    """The figures of a heap at one moment. In bytes; live, free, pinned, exposed,
    lingering and peak bytes count payload.

    `live + free + overhead + wilderness == capacity`. Pinned, exposed and lingering blocks are
    live ones (they are not the heap's to give), deferred ones are free.
    """

    capacity: int
    """Bytes of the region that blocks may take, their words included."""
    live_bytes: int
    live_blocks: int
    free_bytes: int
    """Payload of the blocks that nobody owns, merged or not."""
    free_blocks: int
    deferred_bytes: int
    """That part of them that was not merged yet."""
    deferred_blocks: int
    overhead_bytes: int
    """8 bytes a block, and the fences of a debug heap."""
    wilderness_bytes: int
    """The end of the region that no block has."""
    pinned_bytes: int
    pinned_blocks: int
    exposed_bytes: int
    exposed_blocks: int
    lingering_bytes: int
    """Closed, but kept for somebody who may still look at it."""
    lingering_blocks: int
    waiting_bytes: int
    """That part of the lingering bytes that no view sees: the blocks are exposed, and their memory
    returns with the last reference to each. `block.view()` exposes nothing."""
    waiting_blocks: int
    peak_bytes: int
    """The most that `live_bytes` ever was."""
    resident_bytes: int
    """Bytes of the region in memory now (`mincore`), the heap's header included."""
    allocations: int
    """Blocks allocated so far."""
    largest_now: int
    """The largest request, in bytes of payload, that fits without a merge: into one freed block
    as it is, or into the wilderness. 0 when there is no hole."""
    largest_merged: int
    """The largest request, in bytes of payload, that is served at all: what fits once all
    neighbours are merged, as `defrag()` does, and as a heap does before it refuses."""
    fragmentation: float
    """The part of the bytes in holes that the largest hole does not have, 0 to 1. Each freed block
    is a hole as it is, the wilderness is one, their words count.

    External fragmentation as in Wilson, Johnstone, Neely and Boles, "Dynamic Storage Allocation: A
    Survey and Critical Review" (1995), section 3.
    """
    fragmentation_merged: float
    """The same once all neighbours are merged: what `defrag()` would leave."""

    @property
    def utilisation(self) -> float:
        """The part of the capacity that is live payload, 0 to 1."""
        return self.live_bytes / self.capacity

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """(name, figure, the same in larger units or nothing) of each figure, for tables."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float):
                yield field.name, f"{value:.1%}", ""
            else:
                is_count = field.name.endswith("blocks") or field.name == "allocations"
                larger = "" if is_count or value < 1024 else format_size(value)
                yield field.name, f"{value:,}", larger

    def __str__(self) -> str:
        return "\n".join(
            f"{name:20} {figure:>16}  {larger}".rstrip() for name, figure, larger in self.rows()
        )
