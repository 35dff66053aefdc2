"""Closing a heap frees what nobody sees and spares the rest."""

import gc
import weakref

import pytest
from damaging import damage
from support import PATTERN, SIZE, array_of, run_python

import rheap


def test_close_frees_what_nobody_sees_and_spares_the_rest():
    heap = rheap.Heap("1 MiB")
    blocks = [heap.alloc(SIZE) for _ in range(3)]
    for block in blocks:
        block[:] = PATTERN
    view, array = blocks[1].view(), array_of(blocks[2])
    heap.close()
    assert heap.closed
    assert all(block.freed for block in blocks)
    blocks.clear()
    assert bytes(view) == array.tobytes() == PATTERN
    view[:1] = b"!"
    array[0] = 33
    assert view[0] == array[0] == 33


def test_survivors_of_a_heap_outlive_the_heap_object():
    heap = rheap.Heap("1 MiB")
    view, array = heap.alloc(SIZE).view(), array_of(heap.alloc(SIZE))
    view[:] = PATTERN
    heap.close()
    gone = weakref.ref(heap)
    del heap
    assert gone() is None
    assert bytes(view) == array.tobytes() == PATTERN
    del view
    assert array.tobytes() == PATTERN


def test_blocks_outlive_a_heap_that_was_dropped_unclosed():
    heap = rheap.Heap("1 MiB")
    block = heap.alloc(SIZE)
    del heap
    gc.collect()
    block[:] = PATTERN
    assert block[:] == PATTERN
    block.resize(2 * SIZE)
    assert block[:SIZE] == PATTERN
    block.free()
    assert block.freed


def test_free_and_with_of_a_block_whose_heap_was_closed_do_nothing():
    heap = rheap.Heap("1 MiB")
    with heap.alloc(SIZE) as block:
        heap.close()
    block.free()
    assert block.freed


def test_closing_twice_does_nothing():
    heap = rheap.Heap("1 MiB")
    view = heap.alloc(SIZE).view()
    view[:] = PATTERN
    heap.close()
    heap.close()
    assert bytes(view) == PATTERN


def test_with_heap_closes_it():
    with rheap.Heap("1 MiB") as heap:
        assert not heap.closed
        block = heap.alloc(SIZE)
    assert heap.closed
    assert block.freed


def test_with_heap_lets_an_exception_pass():
    with pytest.raises(LookupError), rheap.Heap("1 MiB") as heap:
        raise LookupError
    assert heap.closed


def test_a_with_over_a_closed_heap_is_told():
    heap = rheap.Heap(4096)
    heap.close()
    entered = False
    with pytest.raises(rheap.HeapClosed), heap:
        entered = True
    assert not entered


def test_a_damaged_heap_can_be_closed():
    heap = rheap.Heap("1 MiB")
    block, seen = heap.alloc(SIZE), heap.alloc(SIZE).view()
    seen[:] = PATTERN
    damage(block)
    heap.close()
    assert heap.closed
    assert block.freed
    assert bytes(seen) == PATTERN


def test_blocks_may_die_while_the_closing_heap_finds_damage():
    # In a process of its own: telling of the damage runs Python code, and that may collect blocks.
    run_python(
        """
        import ctypes, gc, rheap
        heap = rheap.Heap("1 MiB")
        gc.disable()
        for _ in range(50):
            cycle = [heap.alloc(64)]
            cycle.append(cycle)
        del cycle
        block = heap.alloc(64)
        ctypes.c_uint64.from_address(block.address - 8).value = 0x5555
        init = rheap.HeapCorruption.__init__
        def collecting(self, *args):
            gc.collect()
            init(self, *args)
        rheap.HeapCorruption.__init__ = collecting
        heap.close()
        assert heap.closed and block.freed
        """
    )


def test_blocks_may_go_while_a_damaged_heap_closes():
    # Damage makes an exception, exceptions are made by Python code, and that may drop blocks.
    run_python(
        """
        import ctypes, sys, rheap
        heap = rheap.Heap("1 MiB")
        blocks = [heap.alloc(64) for _ in range(400)]
        base = blocks[0].address - blocks[0].offset
        ctypes.c_uint64.from_address(base + blocks[399].offset - 8).value = 0x1234
        def drop_all(frame, event, argument):
            if event == "call":  # of Python code, so not of `close` itself
                blocks.clear()
        sys.setprofile(drop_all)
        heap.close()
        sys.setprofile(None)
        assert heap.closed
        """
    )
