"""After a fork the child has a whole copy of every heap, usable at once."""

import contextlib
import multiprocessing
import os
import random
import threading

import pytest
from support import SANITIZED, in_child, rounds

import rheap

# Libraries that other tests import start threads, which Python 3.12 and later (and JAX) warn of;
# that a heap is whole in the child all the same is the point here.
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
    pytest.mark.usefixtures("switching_often"),
]

beside_threads = pytest.mark.skipif(
    SANITIZED, reason="AddressSanitizer's own locks may be taken when the fork comes"
)

ROUNDS = rounds(30)


@pytest.fixture
def heap(heap_of_each_kind):
    return heap_of_each_kind


def use(heap, seed):
    """Some work of every kind, verified."""
    pick = random.Random(seed)
    blocks = []
    for _ in range(200):
        if len(blocks) < 20 or pick.random() < 0.5:
            block = heap.alloc(pick.randrange(2000), align=pick.choice([8, 64]))
            block[:] = bytes([pick.randrange(256)]) * len(block)
            blocks.append((block, block[:]))
        else:
            block, content = blocks.pop(pick.randrange(len(blocks)))
            assert block[:] == content
            if pick.random() < 0.5:
                block.free()
            elif pick.random() < 0.5:
                block.resize(pick.randrange(2000))
    heap.defrag()
    heap.check()
    heap.trim()
    assert all(block[:] == content for block, content in blocks)
    return blocks


@contextlib.contextmanager
def busy_threads(*works):
    """Repeats each work in a thread; what they raise, leaving raises."""
    stop, errors = threading.Event(), []

    def repeat(work):
        try:
            while not stop.is_set():
                work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def test_the_child_goes_on_and_the_parent_notices_nothing(heap):
    blocks = use(heap, 1)
    before, rows = heap.stats(), list(heap.blocks())

    def child():
        heap.check()
        for block, content in blocks:
            assert block[:] == content
            block[:] = bytes(len(block))
        more = use(heap, 2)
        del block
        blocks.clear()
        heap.check()
        more.clear()
        assert heap.stats().live_blocks == 0

    in_child(child)
    after = heap.stats()
    assert list(heap.blocks()) == rows
    assert (after.live_bytes, after.allocations) == (before.live_bytes, before.allocations)
    assert all(block[:] == content for block, content in blocks)
    heap.check()


def test_the_child_does_not_see_what_the_parent_writes_later(heap):
    block = heap.alloc(100)
    block[:] = b"1" * 100
    view = memoryview(block)
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(ready, 1)
        os._exit(0 if block[:] == bytes(view) == b"1" * 100 else 3)
    block[:] = b"2" * 100
    os.write(go, b"!")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert block[:] == b"2" * 100
    os.close(ready)
    os.close(go)


@beside_threads
def test_fork_beside_threads_that_allocate(heap):
    with busy_threads(*(lambda seed=seed: use(heap, seed) for seed in range(3))):
        for number in range(ROUNDS):

            def child(number=number):
                heap.check()
                use(heap, number)
                heap.check()
                heap.stats()
                list(heap.blocks())

            in_child(child)
            heap.check()
    heap.check()
    assert heap.stats().live_blocks == 0


@pytest.mark.slow
@beside_threads
def test_fork_beside_threads_that_walk(heap):
    kept = use(heap, 1)
    with busy_threads(heap.check, heap.defrag, heap.trim, heap.stats, lambda: use(heap, 5)):
        for number in range(ROUNDS):
            in_child(lambda number=number: (heap.check(), use(heap, number), heap.check()))
    assert all(block[:] == content for block, content in kept)
    heap.check()


@beside_threads
def test_fork_beside_threads_that_open_and_close_heaps():
    def churn():
        with rheap.Heap("1 MiB") as heap:
            use(heap, 3)

    kept = rheap.Heap("1 MiB")
    with busy_threads(churn, churn, churn):
        for number in range(ROUNDS):
            in_child(lambda number=number: (use(kept, number), churn(), kept.check()))
    kept.check()


@beside_threads
def test_fork_beside_a_thread_that_clears_memory():
    heap = rheap.Heap("64 MiB")
    heap.alloc("40 MiB")[:] = b"d" * (40 << 20)

    def clear():
        assert heap.alloc("8 MiB", zero=True)[-1] == 0

    with busy_threads(clear, clear):
        for number in range(rounds(10)):
            in_child(lambda number=number: (heap.check(), use(heap, number), heap.check()))
    heap.check()
    assert heap.stats().live_blocks == 0


def test_a_grandchild_has_its_own_copy(heap):
    block = heap.alloc(64)
    block[:] = b"p" * 64

    def grandchild():
        assert block[:] == b"c" * 64
        use(heap, 9)
        heap.check()

    def child():
        block[:] = b"c" * 64
        in_child(grandchild)
        assert block[:] == b"c" * 64
        heap.check()

    in_child(child)
    assert block[:] == b"p" * 64


def test_views_and_closing_in_the_child_leave_the_parent_alone(heap):
    with heap.alloc(100) as block:
        block[:] = b"v" * 100
        view = memoryview(block)

        def child():
            heap.close()
            assert bytes(view) == b"v" * 100
            view.release()
            with pytest.raises(rheap.HeapClosed):
                heap.alloc(8)

        in_child(child)
        assert block[:] == b"v" * 100
        view.release()
    assert heap.alloc(8).size == 8
    assert not heap.closed
    heap.check()


@pytest.mark.usefixtures("no_default_heap")
def test_the_default_heap_is_there_in_the_child():
    rheap.init_heap("1 MiB")
    block = rheap.r_alloc(100)

    def child():
        rheap.r_free(block)
        assert rheap.r_defrag() == 1
        rheap.init_heap("2 MiB")
        assert rheap.r_alloc(8).size == 8

    in_child(child)
    assert not block.freed
    rheap.r_free(block)


def work_of_a_process(heap, content, results):
    heap.check()
    blocks = use(heap, 4)
    results.put((content[:], len(blocks)))


def test_processes_of_multiprocessing(heap):
    context = multiprocessing.get_context("fork")
    block = heap.alloc(100)
    block[:] = b"m" * 100
    results = context.SimpleQueue()
    processes = [
        context.Process(target=work_of_a_process, args=(heap, block, results)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    seen = [results.get() for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert {content for content, _ in seen} == {b"m" * 100}
    assert len({count for _, count in seen}) == 1
    heap.check()
    assert heap.stats().live_blocks == 1
