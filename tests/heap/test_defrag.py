"""Freed blocks wait unmerged, and merging makes one of neighbours."""

import pytest
from support import states

import rheap


def test_defrag_joins_the_wilderness():
    heap = rheap.Heap(4096)
    blocks = [heap.alloc(100) for _ in range(3)]
    for block in blocks:
        block.free()
    assert states(heap) == ["deferred"] * 3
    assert heap.defrag() == 3
    assert states(heap) == []
    assert heap.stats().wilderness_bytes == 4096


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
@pytest.mark.parametrize("size", [8, 100, 1000, 5000])
def test_the_order_of_freeing_does_not_matter(order, size):
    heap = rheap.Heap("1 MiB")
    blocks = [heap.alloc(size) for _ in range(4)]
    for number in order:
        blocks[number].free()
    # Small blocks wait; large ones are merged at once.
    assert heap.defrag() == (2 if size <= 1000 else 0)
    assert states(heap) == ["free", "live"]


def test_defrag_merges_all_however_many():
    heap = rheap.Heap("16 MiB")
    blocks = [heap.alloc(24 + number % 400) for number in range(20_000)]
    wall = heap.alloc(8)
    deferred = 0
    while blocks:
        blocks.pop().free()
        deferred += 1
    assert heap.stats().deferred_blocks == deferred == 20_000
    assert heap.defrag() == 19_999
    assert states(heap) == ["free", "live"]
    wall.free()  # behind a hole: merged at once
    assert states(heap) == []
    heap.check()


def test_immediate_leaves_nothing_to_defrag():
    heap = rheap.Heap("1 MiB", coalesce="immediate")
    blocks = [heap.alloc(100) for _ in range(9)]
    for block in blocks[:7]:
        block.free()
        assert heap.stats().deferred_blocks == 0
        assert heap.defrag() == 0
    assert states(heap) == ["free", "live", "live"]


def test_a_freed_block_waits_for_the_next_request_of_its_size():
    heap = rheap.Heap("1 MiB")
    blocks = [heap.alloc(100) for _ in range(3)]
    offset = blocks[1].offset
    blocks[1].free()
    assert heap.alloc(97).offset == offset


def test_no_user_needs_defrag():
    heap = rheap.Heap(100_000)
    blocks = [heap.alloc(88) for _ in range(1000)]
    blocks.clear()
    assert heap.alloc(99_000).size == 99_000
    heap.check()
