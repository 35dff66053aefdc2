"""A plain model of a heap, and what both must agree in after every step."""

import contextlib
import itertools
import random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import rheap

CAPACITIES = [24, 256, 1024, 4096, 100_000, 8 << 20]

picks = st.integers(0, 1 << 30)


class Entry:
    """What the model knows of one block."""

    def __init__(self, block, pattern):
        self.block = block
        self.pattern = pattern
        self.offset = block.offset
        self.size = block.size
        self.capacity = block.capacity
        self.views = []
        self.exposed = False
        self.closed = False

    @property
    def state(self):
        if self.closed:
            return "lingering"
        if self.views:
            return "pinned"
        return "exposed" if self.exposed else "live"

    def see(self, block):
        """Takes over what a resize changed."""
        self.offset, self.size, self.capacity = block.offset, block.size, block.capacity


class HeapBesideModel(RuleBasedStateMachine):
    """A heap, the entries of all its blocks that can still be seen, and the figures to expect."""

    coalesce = "deferred"
    policy = "segregated"
    debug = False
    moves = False
    """Whether blocks move to make room; by `compact` they do anyway."""

    def __init__(self):
        super().__init__()
        self.entries = []
        self.serial = itertools.count(1)
        self.heap = None

    @initialize(capacity=st.sampled_from(CAPACITIES))
    def open(self, capacity):
        self.heap = rheap.Heap(
            capacity,
            coalesce=self.coalesce,
            policy=self.policy,
            debug=self.debug,
            auto_compact=self.moves,
        )
        self.word = 8
        self.fence = 8 if self.debug else 0
        self.origin = self.heap.map().spans[0].start
        self.peak = 0
        self.allocations = 0

    @precondition(lambda self: self.allocations > 12)
    @rule(
        pick=picks,
        capacity=st.sampled_from(CAPACITIES),
        by=st.sampled_from(["close", "with", "drop"]),
    )
    def reopen(self, pick, capacity, by):
        if pick % 4:  # seldom, or no heap ever grows old
            return
        if by == "close":
            self.heap.close()
        elif by == "with":
            with self.heap:
                pass
        if by != "drop":
            for entry in self.entries:
                assert entry.block.freed
                with pytest.raises(ValueError):
                    entry.block[:]
            with pytest.raises(rheap.HeapClosed):
                self.heap.alloc(8)
        self.heap = None
        for entry in self.entries:  # views outlive the heap, and so do blocks of a dropped one
            for view in entry.views:
                assert bytes(view) == entry.pattern[: len(bytes(view))]
            if by == "drop" and not entry.closed:
                assert entry.block[:] == entry.pattern
        self.entries.clear()
        self.open(capacity)

    def fill(self, entry):
        entry.pattern = random.Random(next(self.serial)).randbytes(entry.size)
        entry.block[:] = entry.pattern

    def note_peak(self):
        self.peak = max(self.peak, sum(entry.capacity for entry in self.entries))

    def see_moves(self, *, but=None):
        """Blocks may have moved, but for those that somebody may look at, and all `but`."""
        for entry in self.entries:
            if entry.closed or entry is but or entry.block.offset == entry.offset:
                continue
            assert entry.state == "live"
            assert entry.block.offset % entry.align == 0
            assert entry.block.size == entry.size
            entry.see(entry.block)

    def pick_open(self, pick):
        entries = [entry for entry in self.entries if not entry.closed]
        return entries[pick % len(entries)] if entries else None

    def close_entry(self, entry, close):
        """Closes an unpinned or lingering-to-be block; the entry itself holds a reference to it."""
        lingers = bool(entry.views or entry.exposed)
        with (
            pytest.warns(rheap.LingeringWarning)
            if self.debug and lingers
            else contextlib.nullcontext()
        ):
            close()
        assert entry.block.freed
        entry.closed = True
        if not lingers:
            self.entries.remove(entry)

    # --- what holds at every step -------------------------------------------------------------

    @invariant()
    def contents_are_intact(self):
        for entry in self.entries:
            if not entry.closed:
                assert entry.block[:] == entry.pattern
            for view in entry.views:
                data = bytes(view)
                assert data == entry.pattern[: len(data)]

    @invariant()
    def check_finds_nothing(self):
        if self.heap is not None:
            self.heap.check()

    @invariant()
    def handles_agree(self):
        for entry in self.entries:
            assert entry.block.pinned == bool(entry.views)
            assert entry.block.freed == entry.closed
            if not entry.closed:
                block = entry.block
                now = (block.offset, block.size, block.capacity)
                assert now == (entry.offset, entry.size, entry.capacity)

    @invariant()
    def stats_agree(self):
        if self.heap is None:
            return
        stats = self.heap.stats()
        for kind, blocks, bytes_ in (
            ("pinned", stats.pinned_blocks, stats.pinned_bytes),
            ("exposed", stats.exposed_blocks, stats.exposed_bytes),
            ("lingering", stats.lingering_blocks, stats.lingering_bytes),
        ):
            capacities = [entry.capacity for entry in self.entries if entry.state == kind]
            assert (kind, blocks, bytes_) == (kind, len(capacities), sum(capacities))
        assert stats.live_blocks == len(self.entries)
        assert stats.live_bytes == sum(entry.capacity for entry in self.entries)
        blocks = stats.live_blocks + stats.free_blocks
        assert stats.overhead_bytes == self.word * blocks + self.fence * stats.live_blocks
        assert stats.capacity == self.heap.capacity
        assert stats.capacity == (
            stats.live_bytes + stats.free_bytes + stats.overhead_bytes + stats.wilderness_bytes
        )
        assert stats.deferred_blocks <= stats.free_blocks
        assert stats.largest_now <= stats.largest_merged <= stats.capacity
        assert 0 <= stats.fragmentation_merged <= stats.fragmentation <= 1
        assert stats.peak_bytes == self.peak
        assert stats.allocations == self.allocations

    @invariant()
    def blocks_tile_the_region(self):
        if self.heap is None:
            return
        by_offset = {entry.offset: entry for entry in self.entries}
        end = self.origin
        free = 0
        for info in self.heap.blocks():
            assert info.offset == end + self.word
            end = info.offset + info.capacity
            if info.state.is_live:
                entry = by_offset.pop(info.offset)
                assert (info.size, info.capacity) == (entry.size, entry.capacity)
                assert info.state == entry.state
                end += self.fence
            else:
                free += info.capacity
        assert not by_offset
        stats = self.heap.stats()
        assert end == self.origin + self.heap.capacity - stats.wilderness_bytes
        assert free == stats.free_bytes

    def teardown(self):
        self.entries.clear()
        if self.heap is not None:
            stats = self.heap.stats()
            assert (stats.live_blocks, stats.live_bytes) == (0, 0)
            self.heap.defrag()
            assert self.heap.stats().wilderness_bytes == self.heap.capacity
