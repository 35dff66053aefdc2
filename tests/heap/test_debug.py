"""A debug heap: fences, fill patterns, and warnings of what lingers."""

import re
import sys
import warnings

import pytest
from damaging import WORD, base_of, write_bytes
from support import SIZE, expose, live

import rheap

# --- the fence ----------------------------------------------------------------------------------

SIZES = [0, 1, 7, 8, 9, 16, 23, 24, 100, 104, 5000]


def overrun(block):
    write_bytes(block.address + block.size, b"A")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("finder", ["free", "heap.free", "with", "resize", "check"])
def test_one_byte_too_many_breaks_the_fence(size, finder):
    heap = rheap.Heap("1 MiB", debug=True)
    block = heap.alloc(size)
    kept = heap.alloc(8)
    word = block.offset - WORD
    write_bytes(base_of(kept) + block.offset + size, b"A")  # `block.address` would tell
    with pytest.raises(rheap.HeapCorruption, match="fence") as caught:
        {
            "free": block.free,
            "heap.free": lambda: heap.free(block),
            "with": lambda: block.__exit__(None, None, None),
            "resize": lambda: block.resize(size + 500),
            "check": heap.check,
        }[finder]()
    assert word <= caught.value.offset < kept.offset - WORD
    with pytest.raises(rheap.HeapCorruption, match="fence"):
        heap.alloc(8)


@pytest.mark.parametrize("size", SIZES)
def test_a_broken_fence_is_found_when_the_block_is_dropped(size, unraisable):
    heap = rheap.Heap("1 MiB", debug=True)
    block = heap.alloc(size)
    overrun(block)
    del block
    assert [type(error) for error in unraisable] == [rheap.HeapCorruption]
    assert "fence" in str(unraisable[0])
    with pytest.raises(rheap.HeapCorruption, match="fence"):
        heap.alloc(8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("new_size", [0, 1, 8, 50, 99, 6000])
def test_the_fence_follows_a_resize(size, new_size):
    heap = rheap.Heap("1 MiB", debug=True)
    block, wall = heap.alloc(size), heap.alloc(8)
    block.resize(new_size)
    block[:] = b"\xfd" * new_size  # the pattern of the fence itself
    heap.check()
    overrun(block)
    with pytest.raises(rheap.HeapCorruption, match="fence"):
        heap.check()
    assert wall.size == 8


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("byte", [0x00, 0x08, 0xCD, 0xDD, 0xFD, 0xFF])
def test_a_block_filled_to_its_last_byte_breaks_nothing(size, byte):
    heap = rheap.Heap("1 MiB", debug=True)
    with heap.alloc(size) as block:
        block[:] = bytes([byte]) * size
        heap.check()
    heap.check()


def test_a_plain_heap_has_room_up_to_the_capacity():
    heap = rheap.Heap(4096)
    block, behind = heap.alloc(97), heap.alloc(8)
    write_bytes(block.address, b"A" * block.capacity)
    heap.check()
    write_bytes(block.address, b"A" * (block.capacity + 1))
    with pytest.raises(rheap.HeapCorruption) as caught:
        heap.check()
    assert caught.value.offset == behind.offset - WORD


# --- patterns -----------------------------------------------------------------------------------


def test_a_debug_block_that_moves_fills_what_it_leaves():
    heap = rheap.Heap("1 MiB", debug=True)
    block, wall = heap.alloc(100), heap.alloc(8)
    block[:] = b"s" * 100
    old = block.offset
    block.resize(5000)
    assert block[:100] == b"s" * 100
    # Behind the link of a waiting block the pattern stands.
    reader = heap.alloc(100)
    assert reader.offset == old
    assert reader[:] == b"\xcd" * 100
    assert wall.size == 8


# --- warnings -----------------------------------------------------------------------------------


def test_a_debug_heap_warns_with_the_allocation_site():
    heap = rheap.Heap("1 MiB", debug=True)
    block = heap.alloc(SIZE)
    line = sys._getframe().f_lineno - 1
    words = re.escape(f"block allocated at {__file__}:{line} test_a_debug")
    with pytest.warns(rheap.LingeringWarning, match=words) as seen, block:
        view = block.view()
    assert len(seen) == 1
    assert live(heap) == (1, 1)
    del view
    assert live(heap) == (0, 0)


def test_a_debug_heap_says_nothing_when_nothing_lingers(recwarn):
    heap = rheap.Heap("1 MiB", debug=True)
    with heap.alloc(SIZE) as block:
        expose(block)
        block.view().release()
    assert live(heap) == (0, 0)
    assert not recwarn.list


def test_a_heap_without_debug_says_nothing(heap, recwarn):
    with heap.alloc(SIZE) as block:
        view = block.view()
    assert live(heap) == (1, 1)
    assert not recwarn.list
    del view


def test_the_warning_as_an_error_does_not_leave_exit(unraisable):
    heap = rheap.Heap("1 MiB", debug=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with heap.alloc(SIZE) as block:
            view = block.view()
    assert block.freed
    assert [type(error) for error in unraisable] == [rheap.LingeringWarning]
    del view
    assert live(heap) == (0, 0)


def test_the_warning_as_an_error_does_not_replace_an_exception(unraisable):
    heap = rheap.Heap("1 MiB", debug=True)
    views = []

    def fail():
        with heap.alloc(SIZE) as block:
            views.append(block.view())
            raise LookupError

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(LookupError) as raised:
            fail()
    assert raised.value.__context__ is None
    assert [type(error) for error in unraisable] == [rheap.LingeringWarning]
