"""Every access to a freed block, or through a closed heap, raises and reads no old memory."""

import numpy as np
import pytest
from support import SIZE

import rheap


@pytest.fixture
def heap(heap_with_witness):
    return heap_with_witness


ACCESSES = {
    "len": len,
    "item": lambda block: block[0],
    "slice": lambda block: block[:],
    "set item": lambda block: block.__setitem__(0, 1),
    "set slice": lambda block: block.__setitem__(slice(0, 1), b"1"),
    "memoryview": memoryview,
    "view": lambda block: block.view(),
    "view with shape": lambda block: block.view("B", (2,)),
    "bytes": bytes,
    "bytearray": bytearray,
    "frombuffer": lambda block: np.frombuffer(block, "u1"),
    "ndarray": lambda block: np.ndarray(8, "u1", buffer=block),
    "iteration": list,
    "size": lambda block: block.size,
    "capacity": lambda block: block.capacity,
    "offset": lambda block: block.offset,
    "address": lambda block: block.address,
    "resize": lambda block: block.resize(9),
    "enter": lambda block: block.__enter__(),
}


@pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES)
def test_access_to_a_freed_block(heap, access):
    block = heap.alloc(64)
    block.free()
    heap.alloc(64)[:] = b"n" * 64  # somebody else's by now
    with pytest.raises(rheap.BlockFreed, match="block that was freed") as caught:
        access(block)
    assert caught.value.verb in str(caught.value)
    assert block.freed
    assert not block.pinned


@pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES)
def test_access_to_a_block_of_a_closed_heap(access):
    heap = rheap.Heap(4096)
    block = heap.alloc(64)
    heap.close()
    with pytest.raises(rheap.HeapClosed, match="make a new one"):
        access(block)
    assert block.freed
    block.free()


@pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES)
def test_access_to_a_lingering_block(heap, access):
    with heap.alloc(64) as block:
        view = memoryview(block)
        view[:] = b"v" * 64
    with pytest.raises(rheap.BlockFreed):
        access(block)
    assert bytes(view) == b"v" * 64


def test_a_block_that_was_freed_before_the_heap_closed_says_freed():
    heap = rheap.Heap("1 MiB")
    block = heap.alloc(SIZE)
    block.free()
    heap.close()
    with pytest.raises(rheap.BlockFreed):
        block[0]


def test_free_by_a_closed_heap():
    heap = rheap.Heap("1 MiB")
    block = heap.alloc(SIZE)
    heap.close()
    with pytest.raises(rheap.HeapClosed, match="the heap is closed"):
        heap.free(block)


CLOSED_CALLS = {
    "alloc": lambda heap: heap.alloc(8),
    "alloc much": lambda heap: heap.alloc(2 << 20, zero=True),
    "enter": lambda heap: heap.__enter__(),
    "defrag": lambda heap: heap.defrag(),
    "trim": lambda heap: heap.trim(),
    "check": lambda heap: heap.check(),
    "stats": lambda heap: heap.stats(),
    "blocks": lambda heap: heap.blocks(),
    "map": lambda heap: heap.map(),
    "array": lambda heap: heap.array(3),
}


@pytest.mark.parametrize("call", CLOSED_CALLS.values(), ids=CLOSED_CALLS)
def test_use_of_a_closed_heap(call):
    heap = rheap.Heap(4096)
    heap.close()
    with pytest.raises(rheap.HeapClosed, match="the heap is closed; make a new one"):
        call(heap)
    assert heap.closed
    assert repr(heap) == "<rheap.Heap, closed>"
    heap.close()
