"""A resized block stays where it can, keeps what was in it, and wastes nothing."""

import os
import sys

import pytest
from support import MIB, states

import rheap

# --- smaller ------------------------------------------------------------------------------------


@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
@pytest.mark.parametrize("size", [0, 8, 100, 999])
def test_a_smaller_block_stays_and_gives_the_rest_back(size, coalesce):
    heap = rheap.Heap("1 MiB", coalesce=coalesce)
    block, wall = heap.alloc(1000), heap.alloc(8)
    data = os.urandom(1000)
    block[:] = data
    offset = block.offset
    block.resize(size)
    assert (block.offset, block.size, block[:]) == (offset, size, data[:size])
    assert size <= block.capacity < max(size, 16) + 24
    assert heap.stats().live_bytes == block.capacity + wall.capacity
    heap.check()


@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
def test_what_is_cut_off_is_merged_at_once(coalesce):
    heap = rheap.Heap("1 MiB", coalesce=coalesce)
    block, wall = heap.alloc(1000), heap.alloc(16)
    for size in (800, 504, 104):
        block.resize(size)
        assert states(heap) == ["live", "free", "live"]
        assert [info.capacity for info in heap.blocks()] == [size, 1000 - size - 8, 16]
        heap.check()
    assert heap.defrag() == 0
    assert wall.size == 16


@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
def test_what_is_cut_off_the_last_block_joins_the_wilderness(coalesce):
    heap = rheap.Heap(4096, coalesce=coalesce)
    block = heap.alloc(1000)
    block.resize(104)
    assert states(heap) == ["live"]
    assert heap.stats().wilderness_bytes == 4096 - 112
    heap.check()


def test_a_rest_too_small_to_be_a_block_stays():
    heap = rheap.Heap("1 MiB")
    block, wall = heap.alloc(40), heap.alloc(16)
    block.resize(32)
    assert (block.size, block.capacity) == (32, 40)
    assert states(heap) == ["live", "live"]
    assert wall.size == 16


# --- larger -------------------------------------------------------------------------------------


def test_the_last_block_grows_in_place():
    heap = rheap.Heap("1 MiB")
    block = heap.alloc(100)
    block[:] = b"g" * 100
    offset = block.offset
    for size in (101, 105, 200, 5000, 500_000):
        block.resize(size)
        assert (block.offset, block.size) == (offset, size)
        assert size <= block.capacity < size + 32
        assert block[:100] == b"g" * 100
        heap.check()


def test_a_block_grows_into_a_free_neighbour():
    heap = rheap.Heap("1 MiB", coalesce="immediate")
    block, neighbour, wall = heap.alloc(100), heap.alloc(1000), heap.alloc(8)
    block[:] = b"n" * 100
    offset = block.offset
    neighbour.free()
    block.resize(1112)
    assert (block.offset, block.capacity) == (offset, 1112)
    assert states(heap) == ["live", "live"]
    assert wall.offset == offset + 1112 + 8
    assert block[:100] == b"n" * 100
    heap.check()


def test_a_block_grows_into_a_neighbour_that_was_not_merged_yet():
    heap = rheap.Heap(1024)
    block, neighbour = heap.alloc(400), heap.alloc(400)
    block[:] = b"d" * 400
    neighbour.free()
    block.resize(1016)  # all there is
    assert block.capacity == 1016
    assert block[:400] == b"d" * 400
    heap.check()


def test_the_last_block_grows_to_the_very_end():
    heap = rheap.Heap(1024)
    block = heap.alloc(1000)
    block[:] = b"e" * 1000
    block.resize(1016)
    assert block.capacity == 1016
    assert block[:1000] == b"e" * 1000
    heap.check()


@pytest.mark.parametrize("size", [2**20, 2**62, sys.maxsize])
def test_resize_to_more_than_the_heap_leaves_the_block(heap, size):
    block = heap.alloc(100)
    block[:] = b"x" * 100
    offset = block.offset
    with pytest.raises(rheap.HeapExhausted):
        block.resize(size)
    assert (block.size, block.offset, block[:]) == (100, offset, b"x" * 100)


# --- moved --------------------------------------------------------------------------------------


@pytest.mark.parametrize("align", [8, 64, 4096, 2 * MIB])
def test_a_moved_block_keeps_contents_and_alignment(align):
    heap = rheap.Heap("16 MiB")
    block = heap.alloc(1000, align=align)
    wall = heap.alloc(2 * MIB)  # too large for the gap that the alignment left
    data = os.urandom(1000)
    block[:] = data
    offset = block.offset
    block.resize(50_000)
    assert block.offset != offset
    assert block.offset % align == 0
    assert block[:1000] == data
    assert heap.stats().live_blocks == 2
    assert wall.size == 2 * MIB
    heap.check()


def test_a_resized_block_keeps_its_alignment_whenever_it_moves():
    heap = rheap.Heap("16 MiB")
    block = heap.alloc(10, align=4096)
    walls = []
    for size in (100, 5000, 20, 9000, 1, 30_000):
        walls.append(heap.alloc(40))
        block.resize(size)
        assert block.offset % 4096 == 0
        assert block.size == size <= block.capacity
    heap.check()
