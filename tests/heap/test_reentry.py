"""Python code that runs in the middle of an operation and uses the same heap."""

import gc
import weakref

import pytest
from support import Indexed, rounds
from workers import Worker, run_threads

import rheap

# Debug heaps warn of every block that lingers, and here many do.
pytestmark = [
    pytest.mark.filterwarnings("ignore::rheap.LingeringWarning"),
    pytest.mark.usefixtures("switching_often"),
]


@pytest.fixture
def heap(heap_with_witness):
    return heap_with_witness


# --- arguments ----------------------------------------------------------------------------------


def test_an_index_may_free_other_blocks(heap):
    blocks = [heap.alloc(64) for _ in range(10)]
    block = heap.alloc(Indexed(64, blocks.clear))
    block[:] = b"y" * 64
    heap.check()
    assert heap.stats().live_blocks == 2


def test_an_index_may_free_the_block_that_is_resized(heap):
    block = heap.alloc(64)
    with pytest.raises(rheap.BlockFreed):
        block.resize(Indexed(128, block.free))


def test_an_index_may_pin_the_block_that_is_resized(heap):
    block = heap.alloc(64)
    views = []
    with pytest.raises(rheap.BlockPinned):
        block.resize(Indexed(128, lambda: views.append(block.view())))
    assert block.size == len(views[0]) == 64


def test_an_index_may_close_the_heap():
    heap = rheap.Heap(4096)
    with pytest.raises(rheap.HeapClosed):
        heap.alloc(Indexed(64, heap.close))


def test_an_index_may_free_the_block_that_is_read(heap):
    block = heap.alloc(64)
    with pytest.raises(rheap.BlockFreed):
        block[Indexed(3, block.free)]
    block = heap.alloc(64)
    with pytest.raises(rheap.BlockFreed):
        block[Indexed(-3, block.free) :]
    block = heap.alloc(64)
    with pytest.raises(rheap.BlockFreed):
        block[Indexed(3, block.free)] = 1
    block = heap.alloc(64)
    with pytest.raises(rheap.BlockFreed):
        block[3] = Indexed(1, block.free)
    block = heap.alloc(64)
    with pytest.raises(rheap.BlockFreed):
        block[Indexed(0, block.free) : 4] = b"1234"


# --- collections, destructors and callbacks, beside other threads -------------------------------


def test_a_collection_frees_blocks_in_the_middle_of_allocations(heap_of_each_kind):
    heap = heap_of_each_kind
    freed = []

    def free_some(phase, info):
        if phase == "start" and victims:
            victims.pop()  # drops it here, whatever the thread was doing
            freed.append(True)
        elif victims:
            victims.pop().free()

    victims = []
    threshold = gc.get_threshold()
    gc.callbacks.append(free_some)
    gc.set_threshold(5)
    try:

        def churn(stop, number):
            while not stop.is_set():
                cycle = [heap.alloc(100, align=64), heap.alloc(24)]
                cycle.append(cycle)  # these go by the collector, too
                victims.extend(heap.alloc(56) for _ in range(3))
                block = heap.alloc(1000, zero=True)
                assert block[:] == bytes(1000)
                block[:] = bytes([number + 1]) * 1000
                heap.stats()
                heap.map()
                assert block[:] == bytes([number + 1]) * 1000
                heap.check()

        run_threads(churn, churn, churn)
    finally:
        gc.callbacks.remove(free_some)
        gc.set_threshold(*threshold)
    assert freed
    victims.clear()
    gc.collect()
    heap.check()
    assert heap.stats().live_blocks == 0


@pytest.mark.slow
def test_a_destructor_allocates_and_frees(heap_of_each_kind):
    heap = heap_of_each_kind
    runs = []

    class Owner:
        def __init__(self):
            self.block = heap.alloc(200)
            self.block[:] = b"o" * 200
            self.me = self

        def __del__(self):
            assert self.block[:] == b"o" * 200
            other = heap.alloc(300)
            other[:] = b"d" * 300
            self.block.free()
            assert other[:] == b"d" * 300
            runs.append(True)

    def churn(stop, number):
        while not stop.is_set():
            for _ in range(20):
                Owner()
            gc.collect(0)

    run_threads(churn, Worker(heap), Worker(heap))
    gc.collect()
    assert runs
    heap.check()
    assert heap.stats().live_blocks == 0


@pytest.mark.slow
def test_the_callback_of_a_weak_reference_uses_the_heap(heap_of_each_kind):
    heap = heap_of_each_kind
    runs = []

    def on_death(reference):
        assert reference() is None
        with heap.alloc(64) as block:
            block[:] = b"c" * 64
        heap.check()
        runs.append(True)

    def churn(stop, number):
        while not stop.is_set():
            block = heap.alloc(64)
            reference = weakref.ref(block, on_death)
            assert reference() is block
            del block
            assert reference() is None

    run_threads(churn, churn, Worker(heap))
    assert runs
    heap.check()
    assert heap.stats().live_blocks == 0


def test_the_callback_of_a_weak_reference_closes_the_heap():
    for _ in range(rounds(200)):
        heap = rheap.Heap(4096)
        block, other = heap.alloc(64), heap.alloc(64)
        reference = weakref.ref(block, lambda _, heap=heap: heap.close())
        del block
        assert heap.closed
        assert other.freed
        assert reference() is None
