"""The ways to give a block back: at once when nobody sees it, later when somebody does."""

import gc

import numpy as np
import pytest
from support import PATTERN, SIZE, array_of, live

import rheap


def test_leaving_with_frees(heap):
    with heap.alloc(SIZE) as block:
        assert live(heap) == (1, 0)
    assert block.freed
    assert live(heap) == (0, 0)


def test_leaving_with_by_an_exception_frees_and_lets_it_pass(heap):
    with pytest.raises(LookupError), heap.alloc(SIZE) as block:
        raise LookupError
    assert block.freed
    assert live(heap) == (0, 0)


def test_free_frees(heap):
    block = heap.alloc(SIZE)
    assert not block.freed
    block.free()
    assert block.freed
    assert live(heap) == (0, 0)


def test_dropping_the_last_reference_frees(heap):
    block = heap.alloc(SIZE)
    other = block
    del block
    assert live(heap) == (1, 0)
    del other
    assert live(heap) == (0, 0)


@pytest.mark.parametrize("kept", ["block", "view", "pin", "array"])
def test_a_cycle_frees_when_it_is_collected(heap, kept):
    block = heap.alloc(SIZE)
    view = block.view()
    things = {"block": block, "view": view, "pin": view.obj, "array": array_of(block)}
    cycle = [things[kept]]
    cycle.append(cycle)
    del block, view, things
    assert live(heap) == (1, 0)
    del cycle
    gc.collect()
    assert live(heap) == (0, 0)


def test_the_same_memory_serves_the_next_request(heap):
    first = heap.alloc(SIZE)
    offset = first.offset
    first.free()
    assert heap.alloc(SIZE).offset == offset


def test_entering_a_freed_block_raises(heap):
    block = heap.alloc(SIZE)
    block.free()
    with pytest.raises(rheap.BlockFreed), block:
        pass


def test_a_block_can_be_freed_inside_its_with(heap):
    with heap.alloc(SIZE) as block:
        block.free()
        other = heap.alloc(SIZE)
    assert not other.freed  # took the block's place, and the `with` left it alone
    assert live(heap) == (1, 0)


def test_the_inner_of_two_withs_closes(heap):
    with heap.alloc(SIZE) as block:
        with block:
            pass
        assert block.freed
    assert live(heap) == (0, 0)


# --- closing and returning are two steps --------------------------------------------------------


def test_a_closed_block_lingers_until_the_last_view_goes(heap, fill_rest):
    with heap.alloc(SIZE) as block:
        block[:] = PATTERN
        first, second = block.view(), block.view()
    assert block.freed
    assert live(heap) == (1, 1)
    assert heap.stats().lingering_bytes == SIZE
    assert [info.state for info in heap.blocks()] == [rheap.BlockState.LINGERING]
    first.release()
    fill_rest(heap, 0xEE)
    assert bytes(second) == PATTERN
    second.release()
    assert live(heap) == (0, 0)


def test_a_lingering_block_takes_no_new_views(heap):
    with heap.alloc(SIZE) as block:
        view = block.view()
    with pytest.raises(rheap.BlockFreed):
        block.view()
    with pytest.raises(rheap.BlockFreed):
        block[0]
    del view


def test_free_of_a_lingering_block_does_nothing(heap):
    with heap.alloc(SIZE) as block:
        view = block.view()
    block.free()
    assert live(heap) == (1, 1)
    view.release()
    assert live(heap) == (0, 0)


def test_an_array_made_inside_the_with_is_valid_after_it(heap, assert_intact):
    with heap.alloc(SIZE) as block:
        array = np.frombuffer(block, "u1")
        array[:] = range(SIZE)
    assert_intact(heap, array)
    array[:] = 7
    assert set(array.tolist()) == {7}


def test_a_exposed_and_pinned_block_waits_for_both(heap, assert_intact):
    with heap.alloc(SIZE) as block:
        array = array_of(block)
        view = block.view()
    del block
    view.release()
    assert_intact(heap, array)
    del array
    assert live(heap) == (0, 0)


def test_a_bare_reference_does_not_delay_a_block_never_exposed(heap):
    blocks = []
    with heap.alloc(SIZE) as block:
        blocks.append(block)
    assert live(heap) == (0, 0)


# --- free twice, and blocks of others -----------------------------------------------------------


def test_free_of_a_freed_block_does_nothing(heap):
    block = heap.alloc(SIZE)
    block.free()
    successor = heap.alloc(SIZE)
    block.free()
    assert not successor.freed
    assert live(heap) == (1, 0)


@pytest.mark.parametrize("first", ["free", "heap.free", "with"])
def test_manual_free_of_a_freed_block_raises(heap, first):
    block = heap.alloc(SIZE)
    if first == "free":
        block.free()
    elif first == "heap.free":
        heap.free(block)
    else:
        with block:
            pass
    successor = heap.alloc(SIZE)
    with pytest.raises(rheap.BlockFreed, match="cannot free a block that was freed"):
        heap.free(block)
    assert not successor.freed
    assert live(heap) == (1, 0)


def test_manual_free_of_a_lingering_block_raises(heap):
    with heap.alloc(SIZE) as block:
        view = block.view()
    with pytest.raises(rheap.BlockFreed):
        heap.free(block)
    assert live(heap) == (1, 1)
    del view


def test_a_foreign_block_is_not_freed(heap):
    other = rheap.Heap(4096)
    block = other.alloc(64)
    block[:] = b"f" * 64
    with pytest.raises(rheap.ForeignBlock, match="another heap") as caught:
        heap.free(block)
    assert caught.value.offset == block.offset
    assert f"+0x{block.offset:x}" in str(caught.value)
    assert "block.free()" in str(caught.value)
    assert block[:] == b"f" * 64
    assert other.stats().live_blocks == 1
