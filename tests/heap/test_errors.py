"""The classes that are raised: their bases, facts and words, and that pickling keeps them."""

import copy
import gc
import pickle
import re
import sys

import pytest
from damaging import base_of, write_bytes

import rheap

BASES = {
    rheap.HeapExhausted: MemoryError,
    rheap.BlockFreed: ValueError,
    rheap.ForeignBlock: ValueError,
    rheap.BlockPinned: BufferError,
    rheap.HeapClosed: ValueError,
    rheap.HeapCorruption: RuntimeError,
    rheap.HeapBusy: TimeoutError,
    rheap.HeapMismatch: ValueError,
    rheap.BlockGone: LookupError,
    rheap.BlockShared: BufferError,
    rheap.WrongChoice: ValueError,
}


EXAMPLES = [
    rheap.HeapExhausted(5000, 300, 200, 4096),
    rheap.HeapExhausted(250, 300, 200, 4096),
    rheap.HeapExhausted(3000, 300, 200, 4096),
    rheap.HeapExhausted(4090, 4088, 4088, 4096),
    rheap.HeapExhausted(4080, 4072, 4072, 4096, overhead=24),
    rheap.HeapExhausted(0, 0, 0, 64, records="objects"),
    rheap.BlockFreed("read"),
    rheap.BlockFreed("free"),
    rheap.BlockFreed("free", "a.py:1 make", "b.py:2 drop"),
    rheap.ForeignBlock(0x5000),
    rheap.BlockPinned("free", 0x5000, 2),
    rheap.BlockPinned("resize", 0x5000, 0),
    rheap.HeapClosed("view"),
    rheap.HeapCorruption(0x5000, "a word's check code"),
    rheap.HeapCorruption(0x5000, "the fence behind a payload", True),
    rheap.HeapBusy(4711),
    rheap.HeapBusy(0),
    rheap.HeapMismatch("it is no sealed memory file"),
    rheap.BlockGone(),
    rheap.BlockShared(0x5000),
    rheap.WrongChoice("trace", 12, 10, 48, None),
    rheap.TraceError("trace", 12, "unknown operation"),
]


@pytest.mark.parametrize(("error", "base"), BASES.items(), ids=lambda kind: kind.__name__)
def test_each_error_is_a_heap_error_and_a_builtin(error, base):
    assert issubclass(error, rheap.HeapError)
    assert issubclass(error, base)


def test_every_error_is_exported():
    classes = {
        kind
        for kind in vars(rheap.errors).values()
        if isinstance(kind, type) and issubclass(kind, rheap.HeapError)
    }
    assert classes == {rheap.HeapError, *BASES}
    assert all(kind.__name__ in rheap.__all__ for kind in classes)


def copy_by_pickle(error):
    return pickle.loads(pickle.dumps(error))


@pytest.mark.parametrize("duplicate", [copy_by_pickle, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_a_pickled_error_keeps_type_facts_and_words(error, duplicate):
    again = duplicate(error)
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_a_pickled_plain_heap_error_keeps_its_words():
    again = copy_by_pickle(rheap.HeapError("no default heap"))
    assert type(again) is rheap.HeapError
    assert str(again) == "no default heap"


def test_a_pickled_error_keeps_its_notes():
    error = rheap.BlockPinned("free", 0x5000, 2)
    error.add_note("while closing frame 7")
    again = copy_by_pickle(error)
    assert again.__notes__ == ["while closing frame 7"]
    assert str(again) == str(error)
    assert again.holders == 2


# --- no room ------------------------------------------------------------------------------------


def test_exhausted_names_request_free_largest_and_capacity():
    heap = rheap.Heap(4096, auto_compact=False)
    holes = [heap.alloc(504) for _ in range(8)]
    for block in holes[1::2]:
        block.free()
    with pytest.raises(rheap.HeapExhausted) as caught:
        heap.alloc(1000)
    error = caught.value
    assert (error.requested, error.largest, error.capacity) == (1000, 504, 4096)
    assert error.free == 4 * 504
    for fact in ("1,000", "2,016", "504", "4,096"):
        assert fact in str(error)
    heap.check()


@pytest.mark.parametrize(
    ("request_bytes", "help_"),
    [
        (5000, "the heap is smaller than that; make it larger"),
        (3000, "free blocks, or make the heap larger"),
        (1000, "scattered between live blocks"),
    ],
)
def test_exhausted_says_what_would_help(request_bytes, help_):
    heap = rheap.Heap(4096, auto_compact=False)
    blocks = [heap.alloc(504) for _ in range(8)]
    for block in blocks[1::2]:
        block.free()
    with pytest.raises(rheap.HeapExhausted, match=re.escape(help_)):
        heap.alloc(request_bytes)


@pytest.mark.parametrize("size", [2**20, 2**40, 2**62, sys.maxsize - 16, sys.maxsize])
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("align", [8, 2**21])
def test_more_than_the_heap_is_exhausted_however_much(size, debug, align):
    heap = rheap.Heap("1 MiB", debug=debug)
    with pytest.raises(rheap.HeapExhausted) as caught:
        heap.alloc(size, align=align)
    assert caught.value.requested == size
    heap.check()
    assert heap.stats().live_blocks == 0


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("capacity", [4096, 2**20, 1000, 64])
def test_a_request_for_all_of_a_heap_is_told_what_each_block_takes(capacity, debug):
    heap = rheap.Heap(capacity, debug=debug)
    with pytest.raises(rheap.HeapExhausted) as caught:
        heap.alloc(capacity)
    error = caught.value
    most = capacity - error.overhead
    assert "each block takes a word of 8 bytes" in str(error)
    assert (f"a fence of {error.overhead - 8}" in str(error)) == debug
    assert f"{most:,} at the most" in str(error)
    for wrong in (most + 1, capacity):
        with pytest.raises(rheap.HeapExhausted, match="at the most; make it larger"):
            heap.alloc(wrong)
    assert heap.alloc(most).size == most


def test_what_no_heap_of_that_capacity_holds_is_no_question_of_what_is_live():
    heap = rheap.Heap(4096)
    kept = heap.alloc(100)
    with pytest.raises(rheap.HeapExhausted, match="4,088 at the most"):
        heap.alloc(4090)
    with pytest.raises(rheap.HeapExhausted, match="free blocks"):
        heap.alloc(4088)
    assert kept.size == 100


# --- freed twice --------------------------------------------------------------------------------


def test_a_block_freed_twice_is_told_to_be_freed_once(heap):
    block = heap.alloc(8)
    block.free()
    with pytest.raises(rheap.BlockFreed, match="freed already; free it once") as caught:
        heap.free(block)
    assert "keep it open" not in str(caught.value)
    assert "a heap with debug=True says where" in str(caught.value)
    assert (caught.value.allocated, caught.value.freed) == (None, None)
    with pytest.raises(rheap.BlockFreed, match="keep it open"):
        len(block)


def leave(block):
    with block:
        pass


@pytest.mark.parametrize(
    "close", [leave, lambda block: block.free(), lambda block: rheap.r_free(block)]
)
def test_a_debug_heap_knows_who_allocated_and_who_freed(close, no_default_heap):
    heap = rheap.init_heap("1 MiB", debug=True)
    block = heap.alloc(8)
    line = sys._getframe().f_lineno - 1
    close(block)
    freed_line = close.__code__.co_firstlineno + (close is leave)
    block.free()  # changes nothing
    for use in (heap.free, len, rheap.r_free, lambda block: block.view()):
        with pytest.raises(rheap.BlockFreed) as caught:
            use(block)
        error = caught.value
        assert error.allocated.startswith(f"{__file__}:{line} test_a_debug_heap")
        assert error.freed == f"{__file__}:{freed_line} {close.__qualname__}"
        assert f"allocated at {error.allocated}, freed at {error.freed}" in str(error)


def test_the_next_block_knows_nothing_of_the_one_before():
    heap = rheap.Heap("1 MiB", debug=True)
    heap.alloc(8).free()
    plain = rheap.Heap("1 MiB")
    block = plain.alloc(8)
    block.free()
    with pytest.raises(rheap.BlockFreed) as caught:
        plain.free(block)
    assert (caught.value.allocated, caught.value.freed) == (None, None)


@pytest.mark.slow
def test_code_that_runs_while_the_freeing_line_is_found_may_free_the_block():
    heap = rheap.Heap("1 MiB", debug=True)
    seen = []

    class Cycle:
        def __init__(self, block):
            self.block = block
            self.itself = self

        def __del__(self):
            seen.append(self.block.freed)
            self.block.free()

    def free(block):
        block.free()  # Python makes an object of this frame, and collects garbage before that

    threshold = gc.get_threshold()
    for more in range(-9, 10):
        gc.collect()
        ballast = [[] for _ in range(20)]
        block = heap.alloc(8)
        Cycle(block)
        gc.set_threshold(gc.get_count()[0] + more, 1000, 1000)
        free(block)
        gc.set_threshold(*threshold)
        gc.collect()
        assert block.freed
        assert len(ballast) == 20
    assert len(seen) == 19
    if sys.version_info < (3, 12):  # later ones collect between instructions only
        assert not all(seen)
    heap.check()
    assert heap.stats().live_blocks == 0


def test_lines_of_files_with_control_characters_stay_printable():
    heap = rheap.Heap("1 MiB", debug=True)
    names = {"heap": heap}
    source = "def drop(block):\n    block.free()\nblock = heap.alloc(8)\ndrop(block)"
    exec(compile(source, "a\nb\x1b[31m\udc80.py", "exec"), names)
    with pytest.raises(rheap.BlockFreed) as caught:
        heap.free(names["block"])
    assert caught.value.allocated == "a\\nb\\x1b[31m\\udc80.py:3 <module>"
    assert caught.value.freed == "a\\nb\\x1b[31m\\udc80.py:2 drop"
    assert str(caught.value).isprintable()


# --- heaps of several processes -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            rheap.HeapExhausted(0, 0, 0, 4096, records="objects"),
            "cannot make one more of 4,096 objects: each has a record in the heap, and all are in "
            "use; free some, or make the heap with a larger `objects`",
        ),
        (
            rheap.HeapBusy(4711),
            "the heap is busy: process 4711 has had its lock for 10 seconds; let it run on, or end "
            "it (what it left half done is then made whole)",
        ),
        (
            rheap.HeapBusy(0),
            "the heap is busy: another process has had its lock for 10 seconds; let it run on, or "
            "end it (what it left half done is then made whole)",
        ),
        (
            rheap.HeapMismatch("it is of another version"),
            "cannot attach: it is of another version; pass the descriptor of a SharedHeap, made by "
            "this version",
        ),
        (
            rheap.BlockGone(),
            "nobody has the block of this ticket any more: it was claimed and then freed, taken "
            "back, or it is a ticket of another heap; redeem each ticket once, in the heap it is "
            "of",
        ),
        (
            rheap.BlockShared(0x5000),
            "cannot resize block at +0x5000: other processes, tickets or Blocks have it, too; copy "
            "it to a new block instead",
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_shared_heaps_refuse_is_said_in_these_words(error, words):
    assert str(error) == words


# --- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("found_by", ["free", "check", "drop"])
def test_only_a_plain_heap_is_told_of_debug_when_it_is_damaged(debug, found_by, unraisable):
    heap = rheap.Heap("1 MiB", debug=debug)
    block, behind = heap.alloc(8), heap.alloc(8)
    write_bytes(base_of(behind) + block.offset, b"A" * 40)
    errors = unraisable
    if found_by == "drop":
        del block
    for find in (block.free if found_by == "free" else heap.check, heap.check, heap.defrag):
        with pytest.raises(rheap.HeapCorruption) as caught:
            find()
        errors.append(caught.value)
    for error in errors:
        assert error.debug == debug
        assert ("debug=True says" in str(error)) == (not debug)


def test_exhausted_is_caught_as_a_memory_error():
    with pytest.raises(MemoryError):
        rheap.Heap(64).alloc(65)
