"""A process that is stopped with the lock of the heap: nobody takes anything away from it."""

import errno
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import pytest
from processes import SECONDS, Child, assert_nothing_left

import rheap

BLOCKS = 60_000  # so many that to check them takes most of the time


@pytest.fixture
def heap():
    with rheap.SharedHeap("16 MiB") as heap:
        yield heap
        assert_nothing_left(heap)


@pytest.fixture
def checker(heap):
    """A process that has the lock most of the time."""
    blocks = [heap.alloc(8) for _ in range(BLOCKS)]

    def work(pipe):
        pipe.send("begins")
        while not pipe.poll():
            heap.check()

    with Child(work) as child:
        child.receive()
        yield child
        if child.status is None:
            go_on(child)
            child.send("end")
        else:
            child.status = 0  # a test killed it
    blocks.clear()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(10) as threads:
        yield threads


def go_on(child):
    os.kill(child.pid, signal.SIGCONT)


def stop_in_lock(heap, child, threads):
    """Returns what became of `heap.alloc(8)`, which waits for the stopped child by now."""
    for number in range(1000):
        time.sleep(number % 10 / 1000)  # it must run to get there, on a busy machine too
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        waiting = threads.submit(heap.alloc, 8)
        try:
            waiting.result(timeout=1)
        except TimeoutError:
            return waiting
        go_on(child)
    raise AssertionError("never in the lock")


@pytest.mark.slow
def test_who_waits_goes_on_when_it_is_there_again(heap, checker, threads):
    waiting = stop_in_lock(heap, checker, threads)
    more = [threads.submit(heap.alloc, size) for size in (8, 100)]
    go_on(checker)
    assert waiting.result(SECONDS).size == 8
    assert [each.result(SECONDS).size for each in more] == [8, 100]
    heap.check()


@pytest.mark.slow
def test_what_is_dropped_meanwhile_returns_later(heap, checker, threads):
    block = heap.alloc(100)
    block[:] = b"k" * 100  # memory needs no lock
    waiting = stop_in_lock(heap, checker, threads)
    del block  # waits for nobody
    assert not waiting.done()
    go_on(checker)
    waiting.result(SECONDS)
    del waiting
    threads.shutdown()  # a thread may still have what it waited for
    assert heap.stats().live_blocks == BLOCKS


def test_when_it_is_killed_the_next_one_makes_the_heap_whole(heap, checker, threads):
    waiting = stop_in_lock(heap, checker, threads)
    checker.kill()
    assert waiting.result(SECONDS).size == 8
    heap.check()
    assert [process.pid for process in heap.processes()] == [os.getpid()]


@pytest.mark.slow
def test_every_call_says_after_10_seconds_who_it_is(heap, checker, threads):
    block, other, array = heap.alloc(8), heap.alloc(8), heap.array(4, zero=True)
    ticket = heap.ticket(block)
    calls = [
        stop_in_lock(heap, checker, threads),
        threads.submit(heap.check),
        threads.submit(heap.redeem, ticket),
        threads.submit(heap.ticket, array),
        threads.submit(heap.processes),
        threads.submit(heap.stats),
        threads.submit(block.free),
        threads.submit(other.resize, 100),
    ]
    for call in calls:
        with pytest.raises(rheap.HeapBusy) as caught:
            call.result(SECONDS)
        assert caught.value.pid == checker.pid
        assert f"process {checker.pid} has had its lock for 10 seconds" in str(caught.value)
    go_on(checker)
    assert not block.freed
    assert other.size == 8
    assert heap.redeem(ticket).size == 8
    heap.check()


@pytest.mark.slow
def test_a_child_that_is_forked_meanwhile_is_excluded(heap, checker, threads):
    stop_in_lock(heap, checker, threads).add_done_callback(lambda call: call.exception())

    def work(pipe):
        pipe.recv()
        with pytest.raises(OSError, match=rf"kept it \(process {checker.pid}\)") as caught:
            heap.check()
        assert caught.value.errno == errno.EBUSY

    with Child(work) as child:  # the fork does not wait for ever
        go_on(checker)
        child.send("look")
    heap.check()
