"""A process that is stopped with the lock of the heap: nobody takes anything away from it."""

import os
import signal
import threading
import time

import pytest
from processes import Child, assert_nothing_left

import rheap

pytestmark = pytest.mark.slow  # each waits 10 seconds

BLOCKS = 100_000  # so many that a check takes most of the time


@pytest.fixture
def heap():
    with rheap.SharedHeap("16 MiB") as heap:
        yield heap
        assert_nothing_left(heap)


@pytest.fixture
def checker(heap):
    """A process that holds the lock most of the time: it checks a heap of very many blocks."""
    blocks = [heap.alloc(8) for _ in range(BLOCKS)]

    def work(pipe):
        pipe.send("begins")
        while not pipe.poll():
            heap.check()
            time.sleep(0)

    with Child(work) as child:
        child.receive()
        yield child
        os.kill(child.pid, signal.SIGCONT)
        child.send("end")
    blocks.clear()


def stop_in_lock(heap, child, call):
    """What `call` raises when it meets the lock, which the child had when it was stopped."""
    for _ in range(100):
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            call()
        except rheap.HeapBusy as error:
            return error
        os.kill(child.pid, signal.SIGCONT)
    raise AssertionError("never in the lock")


def test_it_is_named_and_goes_on_unharmed(heap, checker):
    kept = heap.alloc(100)
    error = stop_in_lock(heap, checker, lambda: heap.alloc(8))
    assert error.pid == checker.pid
    assert str(checker.pid) in str(error)
    kept[:] = b"k" * 100  # memory needs no lock
    before = time.monotonic()
    dropped = [kept]
    del kept
    dropped.clear()  # a destructor does not wait
    assert time.monotonic() - before < 5
    os.kill(checker.pid, signal.SIGCONT)
    assert heap.alloc(8).size == 8
    heap.check()


def test_who_waits_lets_other_threads_run_and_goes_on_when_it_can(heap, checker):
    found = []

    def wake():
        time.sleep(0.3)
        found.append("other threads ran")
        os.kill(checker.pid, signal.SIGCONT)

    # Found stopped in the lock, then one that waits less than 10 seconds.
    stop_in_lock(heap, checker, lambda: heap.alloc(8))
    thread = threading.Thread(target=wake)
    thread.start()
    block = heap.alloc(8)
    assert found == ["other threads ran"]
    thread.join()
    assert block.size == 8


@pytest.mark.parametrize("call", ["check", "redeem", "processes", "free", "attach"])
def test_every_call_says_so(heap, checker, call):
    block = heap.alloc(8)
    ticket = heap.ticket(block)
    stop_in_lock(heap, checker, lambda: heap.alloc(8))

    def attach(pipe):
        with pytest.raises(rheap.HeapBusy):
            heap.processes()

    calls = {
        "check": heap.check,
        "redeem": lambda: heap.redeem(ticket),
        "processes": heap.processes,
        "free": block.free,
        "attach": lambda: Child(attach).end(),
    }
    if call == "attach":
        calls[call]()  # a fork waits as long as that, too; its child is none of the heap's then
    else:
        with pytest.raises(rheap.HeapBusy) as caught:
            calls[call]()
        assert caught.value.pid == checker.pid
    os.kill(checker.pid, signal.SIGCONT)
    assert not block.freed
    assert heap.redeem(ticket).size == 8


def test_when_it_is_killed_the_next_one_makes_the_heap_whole(heap, checker):
    stop_in_lock(heap, checker, lambda: heap.alloc(8))
    checker.kill()
    assert heap.alloc(8).size == 8
    heap.check()
    assert [process.pid for process in heap.processes()] == [os.getpid()]
    checker.status = 0
    checker.send = lambda _: None
    checker.pid = os.getpid()
