"""The classes that are raised: their bases, facts and words, and that pickling keeps them."""

import copy
import pickle
import re
import sys

import pytest

import rheap

BASES = {
    rheap.HeapExhausted: MemoryError,
    rheap.BlockFreed: ValueError,
    rheap.ForeignBlock: ValueError,
    rheap.BlockPinned: BufferError,
    rheap.HeapClosed: ValueError,
    rheap.HeapCorruption: RuntimeError,
    rheap.WrongChoice: ValueError,
}


EXAMPLES = [
    rheap.HeapExhausted(5000, 300, 200, 4096),
    rheap.HeapExhausted(250, 300, 200, 4096),
    rheap.HeapExhausted(3000, 300, 200, 4096),
    rheap.BlockFreed("read"),
    rheap.ForeignBlock(0x5000),
    rheap.BlockPinned("free", 0x5000, 2),
    rheap.BlockPinned("resize", 0x5000, 0),
    rheap.HeapClosed("view"),
    rheap.HeapCorruption(0x5000, "a word's check code"),
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
    heap = rheap.Heap(4096)
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
    heap = rheap.Heap(4096)
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


def test_exhausted_is_caught_as_a_memory_error():
    with pytest.raises(MemoryError):
        rheap.Heap(64).alloc(65)
