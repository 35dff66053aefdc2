"""`zero=True` is zero whatever the memory held before."""

import numpy as np
import pytest
from support import MIB

import rheap


def dirty(heap):
    """Leaves 0xFF in all that the heap has."""
    block = heap.alloc(heap.stats().largest_merged)
    block[:] = b"\xff" * len(block)
    block.free()
    assert heap.alloc(64)[:] != bytes(64)


def test_zero_is_zero_in_new_memory(heap):
    assert heap.alloc(100_000, zero=True)[:] == bytes(100_000)


@pytest.mark.parametrize("size", [0, 1, 8, 13, 4096, 100_000, 900_000])
def test_zero_is_zero_in_dirty_memory(heap, size):
    dirty(heap)
    assert heap.alloc(size, zero=True)[:] == bytes(size)


@pytest.mark.parametrize("align", [8, 64, 4096, 65536])
def test_zero_is_zero_when_aligned(heap, align):
    dirty(heap)
    assert heap.alloc(100_000, align=align, zero=True)[:] == bytes(100_000)


def test_zero_is_zero_in_a_quick_block(heap):
    block = heap.alloc(100)
    offset = block.offset
    block[:] = b"\xff" * 100
    block.free()
    again = heap.alloc(100, zero=True)
    assert again.offset == offset
    assert again[:] == bytes(100)


def test_zero_is_zero_where_dirty_memory_ends(heap):
    block = heap.alloc(10_000)
    block[:] = b"\xff" * 10_000
    block.free()
    heap.defrag()
    assert heap.alloc(100_000, zero=True)[:] == bytes(100_000)


def test_zero_is_zero_after_a_trim(heap):
    dirty(heap)
    heap.trim()
    assert heap.alloc(900_000, zero=True)[:] == bytes(900_000)


def test_zero_is_zero_after_a_trim_between_live_blocks(heap):
    before, middle, after = heap.alloc(100), heap.alloc(300_000), heap.alloc(100)
    middle[:] = b"\xff" * 300_000
    middle.free()
    heap.trim()
    assert heap.alloc(300_000, zero=True)[:] == bytes(300_000)
    del before, after


def test_zero_is_zero_on_a_debug_heap():
    heap = rheap.Heap("1 MiB", debug=True)
    assert heap.alloc(100_000, zero=True)[:] == bytes(100_000)
    heap.check()


def test_a_large_block_is_zero():
    size = 8 << 20
    heap = rheap.Heap("16 MiB")
    block = heap.alloc(size)
    block[:] = b"\xff" * size
    block.free()
    assert heap.alloc(size, zero=True)[:] == bytes(size)
    heap.check()


def test_used_memory_is_zeroed_on_request():
    heap = rheap.Heap("16 MiB")
    with heap.alloc(4 * MIB) as block:
        np.frombuffer(memoryview(block), "u1")[:] = 255
    kept = heap.alloc(MIB)
    kept[:] = b"k" * MIB
    block = heap.alloc(6 * MIB, zero=True)  # used memory and fresh memory
    assert not np.frombuffer(memoryview(block), "u1").any()
    assert kept[:] == b"k" * MIB


def test_memory_that_was_trimmed_is_zero_when_asked_for():
    heap = rheap.Heap("64 MiB")
    blocks = [heap.alloc(3 * MIB + 40) for _ in range(4)]
    for block in blocks:
        np.frombuffer(memoryview(block), "u1")[:] = 255
    blocks[1].free()
    blocks[3].free()
    heap.trim()
    for size in (2 * MIB, MIB, 5 * MIB):
        block = heap.alloc(size, zero=True)
        assert not np.frombuffer(memoryview(block), "u1").any()
        blocks.append(block)
    heap.check()
