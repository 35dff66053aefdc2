"""A heap beside a plain model of it: after every step both say the same."""

import contextlib
import gc
import itertools
import zlib

import numpy as np
import pytest
from heap_model import Entry, HeapBesideModel, picks
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
from support import SANITIZED, rounds

import rheap

EXAMPLES, MORE_EXAMPLES = rounds(70 if SANITIZED else 20), rounds(100)
STEPS = 40

sizes = st.one_of(
    st.integers(0, 64),
    st.integers(0, 2000),
    st.sampled_from([16, 24, 40, 1000, 1016, 1024, 4096]),
    st.integers(0, 12 << 20),
)
aligns = st.one_of(st.just(8), st.sampled_from([1 << power for power in range(22)]))


class HeapUnderRules(HeapBesideModel):
    """What may be done to a heap, in any order."""

    # --- taking -------------------------------------------------------------------------------

    @rule(size=sizes, align=aligns, zero=st.booleans())
    def alloc(self, size, align, zero):
        hole = self.heap.stats().largest_merged
        block = refused = None
        try:
            block = self.heap.alloc(size, align=align, zero=zero)
        except rheap.HeapExhausted as error:
            refused = error
        if refused is not None:
            assert refused.requested == size
            assert refused.capacity == self.heap.capacity
            assert align > 8 or size > hole or hole == 0
            self.see_moves()  # it was tried
            return
        assert self.moves or size <= hole
        assert len(block) == size
        assert block.offset % align == 0
        assert block.capacity >= size
        if zero:
            assert not np.frombuffer(block.view(), "u1").any()
        elif self.debug:
            assert (np.frombuffer(block.view(), "u1") == 0xCD).all()
        self.see_moves()
        entry = Entry(block, b"")
        entry.align = align
        self.fill(entry)
        self.entries.append(entry)
        self.allocations += 1
        self.note_peak()

    @rule(shape=st.integers(0, 300), dtype=st.sampled_from(["u1", "<f8", "c16"]))
    def array(self, shape, dtype):
        try:
            array = self.heap.array(shape, dtype)
        except rheap.HeapExhausted:
            return
        finally:
            self.see_moves()
        block = array.base.block
        assert block.offset % 64 == 0
        entry = Entry(block, b"")
        entry.align = 64
        entry.views.append(array)
        self.fill(entry)
        self.entries.append(entry)
        self.allocations += 1
        self.note_peak()

    @precondition(lambda self: self.heap.stats().largest_merged > 0)
    @rule(keep=st.booleans())
    def largest_request_is_served(self, keep):
        size = self.heap.stats().largest_merged
        block = self.heap.alloc(size)
        assert block.size == size
        self.allocations += 1
        entry = Entry(block, b"")
        entry.align = 8
        self.entries.append(entry)
        self.note_peak()
        if keep:
            self.fill(entry)
        else:
            self.entries.pop()

    @precondition(lambda self: not self.moves)
    @rule(size=st.integers(1, 8))
    def more_than_the_largest_is_refused(self, size):
        hole = self.heap.stats().largest_merged
        with pytest.raises(rheap.HeapExhausted) as caught:
            self.heap.alloc(hole + size if hole else 0)
        assert caught.value.largest == hole
        # Nothing was taken, but all was merged.
        assert self.heap.stats().deferred_blocks == 0
        assert self.heap.stats().largest_merged == hole

    # --- looking ------------------------------------------------------------------------------

    @rule(pick=picks, how=st.sampled_from(["memoryview", "slice", "frombuffer", "ndarray", "view"]))
    def look(self, pick, how):
        entry = self.pick_open(pick)
        if entry is None or entry.size == 0:
            return
        view = entry.block.view()
        entry.views.append(
            {
                "memoryview": lambda: view,
                "slice": lambda: view[: entry.size // 2 + 1],
                "frombuffer": lambda: np.frombuffer(view, "u1"),
                "ndarray": lambda: np.ndarray(entry.size, "u1", buffer=view)[:],
                "view": lambda: entry.block.view("B"),
            }[how]()
        )

    @rule(pick=picks, how=st.sampled_from(["ndarray", "join", "crc", "readinto"]))
    def expose(self, pick, how):
        entry = self.pick_open(pick)
        if entry is None or entry.size == 0:
            return
        if how == "ndarray":
            # Keeps no view, only a reference to the block: the entry keeps that, too.
            assert np.ndarray(entry.size, "u1", buffer=entry.block)[-1] == entry.pattern[-1]
        elif how == "join":
            assert b"".join([entry.block]) == entry.pattern
        elif how == "crc":
            assert zlib.crc32(entry.block) == zlib.crc32(entry.pattern)
        else:
            assert bytearray(b"x").join([entry.block, b""]) == entry.pattern + b"x"
        entry.exposed = True

    @rule(pick=picks)
    def tell_address(self, pick):
        entry = self.pick_open(pick)
        if entry is not None:
            entry.exposed = True
            assert entry.block.address % max(entry.align, 8) == 0

    @rule(pick=picks, which=picks)
    def look_away(self, pick, which):
        entries = [entry for entry in self.entries if entry.views]
        if not entries:
            return
        entry = entries[pick % len(entries)]
        del entry.views[which % len(entry.views)]
        if entry.closed and not entry.views and not entry.exposed:
            self.entries.remove(entry)

    # --- giving back --------------------------------------------------------------------------

    @rule(pick=picks, by_heap=st.booleans())
    def free(self, pick, by_heap):
        entry = self.pick_open(pick)
        if entry is None:
            return

        def close():
            self.heap.free(entry.block) if by_heap else entry.block.free()

        if entry.views:
            with pytest.raises(rheap.BlockPinned):
                close()
            assert not entry.block.freed
            return
        self.close_entry(entry, close)

    @rule(pick=picks, error=st.booleans())
    def leave_with(self, pick, error):
        entry = self.pick_open(pick)
        if entry is None:
            return

        def close():
            with contextlib.suppress(LookupError), entry.block:
                if error:
                    raise LookupError

        self.close_entry(entry, close)

    @rule(size=st.integers(1, 500))
    def use_and_leave(self, size):
        """An exposure inside a `with` that nobody keeps costs nothing."""

        def use():
            with self.heap.alloc(size) as block:
                block[:] = b"u" * size
                assert b"".join([block]) == b"u" * size
                return block.capacity

        with contextlib.suppress(rheap.HeapExhausted):
            used = use() + sum(entry.capacity for entry in self.entries)
            self.peak = max(self.peak, used)
            self.allocations += 1
        self.see_moves()

    @rule(pick=picks, by=st.sampled_from(["free", "heap.free", "with"]), exposed=st.booleans())
    def close_by_its_only_name(self, pick, by, exposed):
        """Whether the block is exposed makes no difference then."""
        entry = self.pick_open(pick)
        if entry is None or entry.views:
            return
        self.entries.remove(entry)
        block, entry.block = entry.block, None
        if exposed:
            b"".join([block])
        if by == "free":
            block.free()
        elif by == "heap.free":
            self.heap.free(block)
        else:
            with block:
                pass
        assert block.freed

    @rule(pick=picks)
    def drop(self, pick):
        if not self.entries:
            return
        entry = self.entries[pick % len(self.entries)]
        if not entry.views:  # else the name would go, and the block stay
            self.entries.remove(entry)

    @rule(pick=picks)
    def drop_in_a_cycle(self, pick):
        entry = self.pick_open(pick)
        if entry is None or entry.views:
            return
        self.entries.remove(entry)
        gc.disable()  # or a collection on the way would make the cycle an old one
        cycle = [entry.block]
        cycle.append(cycle)
        offset = entry.offset
        del entry
        assert any(info.offset == offset and info.state.is_live for info in self.heap.blocks())
        del cycle
        gc.collect(0)
        gc.enable()

    @rule()
    def free_everything_unseen(self):
        self.entries = [entry for entry in self.entries if entry.views]

    # --- changing -----------------------------------------------------------------------------

    @rule(pick=picks, size=sizes)
    def resize(self, pick, size):
        entry = self.pick_open(pick)
        if entry is None:
            return
        if entry.views or entry.exposed:  # the entry is no name
            with pytest.raises(rheap.BlockPinned):
                entry.block.resize(size)
            return
        before = self.heap.stats()
        try:
            entry.block.resize(size)
        except rheap.HeapExhausted:
            self.see_moves()
            assert size > entry.size
            assert size > before.largest_merged or entry.align > 8 or before.largest_merged == 0
            return
        self.see_moves(but=entry)
        after = self.heap.stats()
        kept = entry.pattern[:size]
        assert entry.block[: len(kept)] == kept
        assert entry.block.size == size
        assert entry.block.offset % entry.align == 0
        moved = entry.block.offset != entry.offset
        if moved:
            # Both blocks existed for a moment.
            both = sum(other.capacity for other in self.entries) + entry.block.capacity
            self.peak = max(self.peak, both)
        self.allocations += after.allocations - before.allocations
        assert after.allocations - before.allocations == moved
        entry.see(entry.block)
        self.fill(entry)
        self.note_peak()

    @rule()
    def defrag(self):
        infos = list(self.heap.blocks())
        free = [not info.state.is_live for info in infos]
        # Neighbours become one, and the last one joins the wilderness.
        merges = sum(a and b for a, b in itertools.pairwise(free)) + bool(free and free[-1])
        assert self.heap.defrag() == merges
        states = [info.state for info in self.heap.blocks()]
        assert "deferred" not in states
        assert all(a.is_live or b.is_live for a, b in itertools.pairwise(states))
        assert not states or states[-1].is_live
        assert self.heap.defrag() == 0

    @rule(max_bytes=st.one_of(st.none(), st.integers(0, 5000)))
    def compact(self, max_bytes):
        before = self.heap.stats()
        report = self.heap.compact(max_bytes)
        self.see_moves()
        assert max_bytes is None or report.moved_bytes <= max_bytes
        after = self.heap.stats()
        assert after.live_bytes == before.live_bytes
        if max_bytes is None:
            assert report.finished
            assert after.deferred_blocks == 0
            assert report.too_large_blocks == 0

    @rule()
    def trim(self):
        before = self.heap.stats()
        given_back = self.heap.trim()
        after = self.heap.stats()
        assert before.resident_bytes - after.resident_bytes == given_back
        assert self.heap.trim() == 0


KINDS = (
    ("coalesce", "policy", "debug", "moves"),
    [
        ("deferred", "segregated", False, False),
        ("deferred", "segregated", True, False),
        ("immediate", "segregated", False, False),
        ("immediate", "best", False, False),
        ("deferred", "first", True, False),
        ("immediate", "next", True, False),
        ("deferred", "worst", False, False),
        ("deferred", "segregated", False, True),
        ("deferred", "segregated", True, True),
        ("immediate", "best", False, True),
    ],
)


@pytest.mark.parametrize(*KINDS)
def test_a_heap_does_what_its_model_does(coalesce, policy, debug, moves):
    play(EXAMPLES, coalesce=coalesce, policy=policy, debug=debug, moves=moves)


@pytest.mark.slow
@pytest.mark.parametrize(*KINDS)
def test_a_heap_does_what_its_model_does_in_many_more(coalesce, policy, debug, moves):
    play(MORE_EXAMPLES, coalesce=coalesce, policy=policy, debug=debug, moves=moves)


def play(examples, *, coalesce, policy, debug, moves):
    class Machine(HeapUnderRules):
        pass

    Machine.coalesce = coalesce
    Machine.policy = policy
    Machine.debug = debug
    Machine.moves = moves
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
