"""The four functions and the heap behind them."""

import re

import pytest
from damaging import WORD, base_of, write_word
from support import SIZE, live, states

import rheap

pytestmark = pytest.mark.usefixtures("no_default_heap")


def test_the_four_functions_say_to_call_init_heap_first():
    block = rheap.Heap(4096).alloc(8)
    for call in (lambda: rheap.r_alloc(8), lambda: rheap.r_free(block), rheap.r_defrag):
        with pytest.raises(rheap.HeapError, match=re.escape("call rheap.init_heap first")):
            call()
    assert not block.freed


@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
def test_the_idea_three_neighbours_become_one(coalesce):
    heap = rheap.init_heap("64 KiB", coalesce=coalesce)
    blocks = [rheap.r_alloc(100) for _ in range(4)]
    for block in blocks[:3]:
        rheap.r_free(block)
    if coalesce == "deferred":
        assert states(heap) == ["deferred", "deferred", "deferred", "live"]
        assert rheap.r_defrag() == 2
    assert states(heap) == ["free", "live"]
    assert rheap.r_defrag() == 0
    assert [info.capacity for info in heap.blocks()] == [3 * 104 + 2 * 8, 104]
    assert blocks[3].size == 100


def test_r_free_of_a_freed_block_raises():
    rheap.init_heap("1 MiB")
    block = rheap.r_alloc(SIZE)
    rheap.r_free(block)
    with pytest.raises(rheap.BlockFreed):
        rheap.r_free(block)


def test_r_free_refuses_a_foreign_block(heap):
    rheap.init_heap("1 MiB")
    block = heap.alloc(SIZE)
    with pytest.raises(rheap.ForeignBlock):
        rheap.r_free(block)
    assert live(heap) == (1, 0)


# --- init_heap again ----------------------------------------------------------------------------


def test_init_heap_replaces_a_heap_without_live_blocks():
    first = rheap.init_heap("1 MiB")
    rheap.r_free(rheap.r_alloc(100))
    second = rheap.init_heap("2 MiB", coalesce="immediate")
    assert first.closed
    assert second.capacity == 2 << 20
    assert rheap.r_alloc(100).size == 100


def test_init_heap_refuses_while_blocks_live():
    heap = rheap.init_heap("1 MiB")
    block = rheap.r_alloc(100)
    block[:] = b"d" * 100
    with pytest.raises(rheap.HeapError, match="1 of its blocks"):
        rheap.init_heap("2 MiB")
    assert not heap.closed
    assert block[:] == b"d" * 100
    rheap.r_free(block)
    with pytest.raises(rheap.BlockFreed):
        rheap.r_free(block)


def test_init_heap_refuses_while_a_view_of_a_closed_block_lives():
    rheap.init_heap("1 MiB")
    with rheap.r_alloc(100) as block:
        view = block.view()
    with pytest.raises(rheap.HeapError, match="live"):
        rheap.init_heap("2 MiB")
    view.release()
    assert rheap.init_heap("2 MiB").capacity == 2 << 20


def test_a_wrong_init_heap_leaves_the_old_one():
    heap = rheap.init_heap("1 MiB")
    with pytest.raises(ValueError, match="capacity"):
        rheap.init_heap(0)
    assert not heap.closed
    assert rheap.r_alloc(8).size == 8


def test_init_heap_replaces_a_closed_heap():
    rheap.init_heap("1 MiB").close()
    with pytest.raises(rheap.HeapClosed):
        rheap.r_alloc(8)
    rheap.init_heap("1 MiB")
    assert rheap.r_alloc(8).size == 8


def test_init_heap_replaces_a_damaged_heap_once_no_block_of_it_is_open():
    rheap.init_heap(4096)
    first, second = rheap.r_alloc(104), rheap.r_alloc(104)
    write_word(base_of(first), second.offset - WORD, 1)
    with pytest.raises(rheap.HeapCorruption):
        rheap.r_free(second)
    for block in (first, second):
        assert not block.freed
        with pytest.raises(rheap.HeapError):
            rheap.init_heap(8192)
        with block:
            pass
    assert rheap.init_heap(8192).capacity == 8192
    assert rheap.r_alloc(8).size == 8
