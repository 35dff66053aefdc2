"""One heap, many threads."""

import contextlib
import ctypes
import gc
import random
import threading
import time

import pytest
from support import rounds
from workers import Worker, run_threads

import rheap

# Debug heaps warn of every block that lingers, and here many do.
pytestmark = [
    pytest.mark.filterwarnings("ignore::rheap.LingeringWarning"),
    pytest.mark.usefixtures("switching_often"),
]

THREADS = 8


@pytest.fixture
def heap(heap_of_each_kind):
    return heap_of_each_kind


@pytest.mark.slow
def test_eight_threads_share_one_heap(heap):
    workers = [Worker(heap) for _ in range(THREADS)]
    run_threads(*workers)
    assert all(worker.rounds > rounds(50) for worker in workers)
    heap.check()
    gc.collect()
    assert heap.stats().live_blocks == 0
    heap.defrag()
    assert heap.stats().wilderness_bytes == heap.capacity


def test_others_work_while_one_walks_the_heap(heap):
    walks = []

    def walk(stop, number):
        while not stop.is_set():
            heap.check()
            heap.defrag()
            heap.trim()
            list(heap.blocks())
            heap.map().draw(80)
            walks.append(heap.stats())

    workers = [Worker(heap) for _ in range(4)]
    run_threads(walk, *workers)
    assert all(worker.rounds > 10 for worker in workers)
    assert len(walks) > 1
    heap.check()
    for stats in walks:
        assert stats.capacity == (
            stats.live_bytes + stats.free_bytes + stats.overhead_bytes + stats.wilderness_bytes
        )


def test_figures_are_of_one_moment():
    heap = rheap.Heap("8 MiB")
    seen = []

    def merge(stop, number):
        while not stop.is_set():
            heap.defrag()

    def watch(stop, number):
        while not stop.is_set():
            blocks = [heap.alloc(size) for size in range(24, 8000, 16)]
            blocks.clear()
            seen.append(heap.stats())

    run_threads(merge, merge, watch)
    assert seen
    for stats in seen:
        # All is free and in a row, so what could be had merged is all but one word.
        assert stats.largest_now <= stats.largest_merged == stats.capacity - 8


@pytest.mark.slow
def test_a_map_is_of_one_moment():
    heap = rheap.Heap("1 MiB")
    seen = []

    def change(stop, number):
        while not stop.is_set():
            blocks = [heap.alloc(size) for size in range(24, 200, 16)]
            del blocks[::2]

    def watch(stop, number):
        while not stop.is_set():
            seen.append(heap.map())

    run_threads(change, change, watch)
    assert seen
    for map_ in seen:
        live = sum(span.end - span.start for span in map_.spans if span.kind == "live")
        assert live == map_.stats.live_bytes


def test_heaps_come_and_go_in_all_threads():
    def churn(stop, number):
        while not stop.is_set():
            heap = rheap.Heap("1 MiB", debug=number == 1)
            blocks = [heap.alloc(100) for _ in range(10)]
            if number % 2:
                heap.close()
            kept = blocks[3]
            del heap, blocks
            assert kept.freed == bool(number % 2)

    run_threads(churn, churn, churn, churn)


def test_blocks_are_dropped_by_other_threads_than_took_them(heap):
    handed_over = []

    def take(stop, number):
        while not stop.is_set():
            block = heap.alloc(random.Random(number).randrange(500))
            block[:] = bytes([number]) * len(block)
            handed_over.append((block, number))

    def drop(stop, number):
        while not stop.is_set():
            with contextlib.suppress(IndexError):
                block, taker = handed_over.pop()
                assert block[:] == bytes([taker]) * len(block)

    with contextlib.suppress(rheap.HeapExhausted):
        run_threads(take, take, drop, drop)
    heap.check()
    handed_over.clear()
    assert heap.stats().live_blocks == 0


# --- one closes ---------------------------------------------------------------------------------


def test_close_while_others_use_the_heap():
    for attempt in range(rounds(30)):
        heap = rheap.Heap("4 MiB", debug=attempt % 2 == 1)
        worker = Worker(heap, largest=200)

        def use(stop, number, worker=worker):
            with contextlib.suppress(rheap.HeapClosed, rheap.BlockFreed):
                worker(stop, number)

        def report(stop, number, heap=heap):
            with contextlib.suppress(rheap.HeapClosed):
                while not stop.is_set():
                    heap.check()
                    heap.defrag()
                    heap.stats()
                    heap.trim()

        def close(stop, number, heap=heap):
            time.sleep(0.002)
            heap.close()
            stop.set()

        run_threads(use, use, use, report, report, close)
        assert heap.closed
        with pytest.raises(rheap.HeapClosed):
            heap.alloc(8)


def test_views_outlive_a_heap_that_another_thread_closes():
    for _ in range(rounds(12)):
        heap = rheap.Heap("64 MiB")
        views = []

        def use(stop, number, heap=heap, views=views):
            with contextlib.suppress(rheap.HeapClosed, rheap.HeapExhausted):
                while not stop.is_set():
                    block = heap.alloc(500)
                    view = memoryview(block)
                    with contextlib.suppress(ValueError):
                        block[:] = bytes([number]) * 500
                        views.append((view, number))

        def close(stop, number, heap=heap):
            time.sleep(0.002)
            heap.close()
            stop.set()

        run_threads(use, use, use, close)
        del heap
        assert views
        for view, number in views:
            assert view == bytes([number]) * 500


def test_close_waits_for_memory_that_is_being_cleared():
    for _ in range(rounds(12)):
        heap = rheap.Heap("64 MiB")
        with heap.alloc("32 MiB") as block:
            ctypes.memset(block.address, 1, 32 << 20)

        def clear(stop, number, heap=heap):
            with contextlib.suppress(rheap.HeapClosed):
                while not stop.is_set():
                    assert heap.alloc("16 MiB", zero=True)[-1] == 0

        def close(stop, number, heap=heap):
            time.sleep(0.003)
            heap.close()
            stop.set()

        run_threads(clear, clear, close)
        assert heap.closed


def test_large_blocks_are_zeroed_while_another_thread_closes_the_heap():
    size = 2 << 20
    for _ in range(rounds(12)):
        heap = rheap.Heap("16 MiB")
        whole = heap.alloc(heap.stats().largest_merged)
        whole.view()[:] = b"\xff" * len(whole)
        whole.free()
        started = threading.Barrier(4)
        wrong = []

        def take(heap=heap, started=started, wrong=wrong):
            started.wait()
            try:
                while True:
                    view = heap.alloc(size, zero=True).view()
                    if bytes(view) != bytes(size):
                        wrong.append(view)
                    view[:] = b"\xff" * size
            except rheap.HeapClosed:
                pass

        threads = [threading.Thread(target=take) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        heap.close()
        for thread in threads:
            thread.join()
        assert not wrong
