"""Forked children of a process that is attached: they have what it had, and are themselves."""

import errno
import os
import signal
import threading

import pytest
from processes import Child, assert_nothing_left, fork_without_descriptors, wait_until_alone
from support import SANITIZED, in_child, rounds

import rheap

needs_no_descriptors = pytest.mark.skipif(
    SANITIZED, reason="a sanitizer cannot fork where no file can be opened"
)


@pytest.fixture
def heap():
    with rheap.SharedHeap("1 MiB") as heap:
        yield heap
        assert_nothing_left(heap)


def test_a_child_has_what_its_parent_has(heap):
    array = heap.array(100, "u1", zero=True)
    block = heap.alloc(10)
    freed = heap.alloc(10)
    freed.free()

    def work(pipe):
        me = next(each for each in heap.processes() if each.pid == os.getpid())
        pipe.send(me)
        pipe.recv()
        array[:] = 4
        assert block[:] == b"0123456789"
        heap.check()
        pipe.send("looked")
        pipe.recv()

    with Child(work) as child:
        me = child.receive()
        assert (me.blocks, me.bytes, me.tickets, me.inherited) == (2, 110, 0, True)
        block[:] = b"0123456789"
        ticket = heap.ticket(array)
        block.free()
        del array
        assert heap.stats().live_blocks == 2  # the child has both
        child.send("look")
        child.receive()
        array = heap.redeem(ticket)
        assert array.tolist() == [4] * 100
        child.send("end")
    heap.reap()
    assert heap.stats().live_blocks == 1


def test_what_a_child_makes_is_its_own(heap):
    def work(pipe):
        block = heap.alloc(100)
        block[:] = b"c" * 100
        pipe.send(heap.ticket(block))

    with Child(work) as child:
        ticket = child.receive()
    heap.reap()
    assert heap.redeem(ticket)[:] == b"c" * 100


def test_a_fork_of_a_fork(heap):
    array = heap.array(3, "u1", zero=True)

    def grandchild():
        assert sorted(each.inherited for each in heap.processes()) == [False, True, True]
        array[2] = 3
        heap.alloc(100)
        heap.check()

    def child():
        array[1] = 2
        in_child(grandchild)
        assert heap.reap() == 1
        heap.check()

    in_child(child)
    assert array.tolist() == [0, 2, 3]
    assert heap.reap() == 1
    assert len(heap.processes()) == 1


def test_a_child_outlives_its_parent(heap):
    array = heap.array(100, "u1", zero=True)
    array[:] = 6

    def parent(pipe):
        mine = heap.array(50, "u1")
        mine[:] = 7
        if os.fork():
            os._exit(0)
        pipe.recv()  # the parent is gone, and buried
        assert mine.tolist() == [7] * 50
        mine[:] = 8
        heap.check()
        pipe.send(mine)
        pipe.recv()

    with Child(parent) as child:
        child.wait()
        heap.reap()
        assert [each.inherited for each in heap.processes()] == [False, True]
        child.send("look")
        assert child.receive().tolist() == [8] * 50
        child.send("end")
        assert child.pipe.poll(60)
    wait_until_alone(heap)


def test_a_child_that_closes_the_heap_leaves_its_parent_alone(heap):
    block = heap.alloc(10)

    def work():
        heap.close()
        assert block.freed
        with pytest.raises(rheap.HeapClosed):
            heap.alloc(8)

    in_child(work)
    assert not block.freed
    assert len(heap.processes()) == 1
    heap.check()


def test_a_child_resizes_and_frees_only_for_itself(heap):
    block = heap.alloc(10)
    block[:] = b"0123456789"

    def work():
        with pytest.raises(rheap.BlockShared):
            block.resize(20)
        block.free()
        assert block.freed
        heap.check()

    in_child(work)
    assert block[:] == b"0123456789"
    heap.check()
    block.resize(20)
    assert block[:10] == b"0123456789"


@pytest.mark.skipif(SANITIZED, reason="AddressSanitizer's locks may be taken when the fork comes")
def test_forks_beside_threads_that_use_the_heap(heap):
    stop, errors = threading.Event(), []

    def use():
        try:
            while not stop.is_set():
                blocks = [heap.alloc(size) for size in (8, 100, 1000)]
                got = [heap.redeem(heap.ticket(block)) for block in blocks]
                blocks.clear()
                heap.check()
                del got
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()

    def work(pipe):
        heap.check()
        block = heap.alloc(100)
        pipe.send(heap.ticket(block))
        pipe.recv()

    try:
        for _ in range(rounds(20)):
            with Child(work) as child:
                ticket = child.receive()
                assert heap.redeem(ticket).size == 100
                child.send("end")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors, errors


def test_a_child_forked_while_nobody_can_be_told_apart_still_says_its_pid(heap):
    def work(pipe):
        pipe.send([each.pid for each in heap.processes()])
        pipe.recv()

    with Child(work) as child:
        assert child.receive() == [os.getpid(), child.pid]
        assert [each.pid for each in heap.processes()] == [os.getpid(), child.pid]
        since = [each.since for each in heap.processes()]
        assert since == sorted(since)
        child.send("end")


@needs_no_descriptors
def test_a_child_without_a_place_cannot_look_at_what_is_another_s_by_now(heap):
    array = heap.array(1000, "u1")
    array[:] = 7
    assert fork_without_descriptors(lambda: array.sum()) == -signal.SIGSEGV
    assert fork_without_descriptors(lambda: None) == 0
    assert array.tolist() == [7] * 1000
    heap.check()


@needs_no_descriptors
def test_a_child_without_a_place_is_told_why_by_every_call(heap):
    block, view = heap.alloc(100), heap.alloc(5).view()
    ticket = heap.ticket(heap.alloc(5))
    calls = [
        lambda: heap.alloc(10),
        lambda: heap.array(10),
        lambda: heap.stats(),
        lambda: heap.check(),
        lambda: heap.map(),
        lambda: heap.processes(),
        lambda: heap.redeem(ticket),
        lambda: heap.ticket(block),
        lambda: heap.wait("name", timeout=1),
        lambda: heap["name"],
        lambda: block[0:5],
        lambda: block[0],
        lambda: bytes(block),
        lambda: block.hex(),
        lambda: 7 in block,
        lambda: b"7" in block,
        lambda: block == bytes(100),
        lambda: list(block),
        lambda: block.__setitem__(0, 1),
        lambda: len(block),
        lambda: memoryview(block),
        lambda: block.view(),
        lambda: block.free(),
        lambda: block.resize(3),
        lambda: block.__enter__(),
    ]

    def work():
        for call in calls:
            with pytest.raises(OSError, match="when this process was forked") as caught:
                call()
            assert caught.value.errno == errno.EMFILE
        view.release()
        heap.close()
        heap.close()
        assert block.freed

    assert fork_without_descriptors(work) == 0
    view.release()
    assert heap.recall() == 1


@needs_no_descriptors
def test_a_child_without_a_place_ends_in_silence(heap, capfd):
    kept = [heap.alloc(100), heap.array(10)]

    def work():
        kept.clear()
        from rheap import shared_heap

        shared_heap._leave_all()

    assert fork_without_descriptors(work) == 0
    assert capfd.readouterr() == ("", "")


@needs_no_descriptors
def test_a_child_without_a_place_may_attach_anew():
    with rheap.SharedHeap("1 MiB", name="excluded child") as heap:
        heap["here"] = heap.array(3, "u1", zero=True)

        def work():
            heap.close()
            again = rheap.SharedHeap.attach("excluded child")
            assert again["here"].tolist() == [0, 0, 0]
            again.check()

        assert fork_without_descriptors(work) == 0
        heap.reap()
        heap.check()
