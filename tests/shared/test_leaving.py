"""What a heap takes in a process, and what goes back when the process leaves it."""

import contextlib
import gc
import os
import resource

import numpy as np
import pytest
from processes import Child, assert_nothing_left
from support import SANITIZED, in_child, run_python

import rheap


@pytest.fixture
def heap():
    with rheap.SharedHeap("1 MiB") as heap:
        yield heap
        if not heap.closed:
            assert_nothing_left(heap)


def descriptors():
    """What each descriptor of this process is, in the order of their numbers."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")
    return found


def descriptors_of(heap):
    return [name for name in descriptors().values() if f"rheap-{heap._id:016x}" in name]


def mappings_of(identity):
    with open("/proc/self/maps") as file:
        return [line for line in file if f"rheap-{identity:016x}" in line]


# --- what it takes --------------------------------------------------------------------------------


def test_a_heap_takes_one_descriptor_and_two_mappings(heap):
    blocks = [heap.alloc(1000) for _ in range(500)]
    arrays = [heap.redeem(heap.ticket(block)) for block in blocks]
    assert descriptors_of(heap) == [f"/memfd:rheap-{heap._id:016x} (deleted)"]
    assert len(mappings_of(heap._id)) == 2
    del blocks, arrays


def test_the_same_in_forked_children(heap):
    def grandchild():
        assert (len(descriptors_of(heap)), len(mappings_of(heap._id))) == (1, 2)

    def child():
        heap.alloc(8)
        assert (len(descriptors_of(heap)), len(mappings_of(heap._id))) == (1, 2)
        in_child(grandchild)
        assert (len(descriptors_of(heap)), len(mappings_of(heap._id))) == (1, 2)

    in_child(child)
    assert (len(descriptors_of(heap)), len(mappings_of(heap._id))) == (1, 2)


def test_a_closed_heap_takes_nothing():
    before = descriptors()
    heap = rheap.SharedHeap("1 MiB")
    identity = heap._id
    heap.alloc(8)
    heap.close()
    assert descriptors() == before
    assert mappings_of(identity) == []


def test_nor_do_attempts_that_fail(heap, tmp_path):
    before = descriptors()
    for _ in range(20):
        with pytest.raises(rheap.HeapMismatch):
            rheap.SharedHeap.attach(fd=0 if os.isatty(0) else before and min(before))
        with pytest.raises(ValueError):
            rheap.SharedHeap("1 MiB", objects=0)
    gc.collect()
    assert descriptors() == before


@pytest.mark.skipif(SANITIZED, reason="a sanitizer opens files of its own")
def test_100_000_arrays_in_one_segment_with_few_descriptors():
    count = 100_000

    def child():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        heap = rheap.SharedHeap("128 MiB")
        arrays = [heap.array(1024, "u1") for _ in range(count)]
        for number, array in enumerate(arrays):
            array[:8] = np.frombuffer(number.to_bytes(8), "u1")

        def reader(pipe):
            attached = rheap.SharedHeap.attach(fd=heap.fileno())
            for number, ticket in enumerate(tickets):
                assert attached.redeem(ticket)[:8].tobytes() == number.to_bytes(8)

        tickets = [heap.ticket(array) for array in arrays]
        with Child(reader):
            pass
        assert (len(descriptors_of(heap)), len(mappings_of(heap._id))) == (1, 2)
        arrays.clear()
        del array
        assert_nothing_left(heap)

    in_child(child)


# --- leaving --------------------------------------------------------------------------------------


def test_who_leaves_gives_back_what_it_had(heap):
    kept = heap.alloc(10)

    def work(pipe):
        attached = heap
        block, array = attached.alloc(100), attached.array(100, "u1")
        pipe.send("has it")
        pipe.recv()
        attached.close()  # the array is still seen
        assert block.freed
        array[:] = 3
        pipe.send("left")
        pipe.recv()
        assert array.tolist() == [3] * 100
        del array
        pipe.send("dropped")
        pipe.recv()

    with Child(work) as child:
        assert child.receive() == "has it"
        assert heap.stats().live_blocks == 3
        child.send("close")
        assert child.receive() == "left"
        assert heap.stats().live_blocks == 2
        child.send("drop")
        assert child.receive() == "dropped"
        assert heap.stats().live_blocks == 1
        assert [process.pid for process in heap.processes()] == [os.getpid()]
        child.send("end")
    assert kept.size == 10


def test_views_outlive_close_and_others_are_not_affected(heap):
    array = heap.array(1000, "i4")
    array[:] = range(1000)

    def work(pipe):
        heap.close()
        pipe.send(None)
        pipe.recv()
        pipe.send(array.tolist())

    with Child(work) as child:
        child.receive()
        heap.alloc(8).free()
        heap.check()
        array[0] = 5
        child.send("say")
        assert child.receive() == [5, *range(1, 1000)]


def test_everything_says_that_the_heap_is_closed():
    heap = rheap.SharedHeap("1 MiB")
    block, array = heap.alloc(8), heap.array(4)
    ticket = heap.ticket(block)
    heap.close()
    heap.close()  # once more does nothing
    for call in (
        lambda: heap.alloc(8),
        lambda: heap.array(4),
        lambda: heap.ticket(block),
        lambda: heap.ticket(array),
        lambda: heap.redeem(ticket),
        heap.fileno,
        heap.processes,
        heap.tickets,
        heap.recall,
        heap.reap,
        heap.check,
        heap.stats,
        heap.blocks,
        heap.map,
        heap.defrag,
        heap.trim,
        heap.__enter__,
    ):
        with pytest.raises(rheap.HeapClosed):
            call()
    array[:] = 1
    assert array.sum() == 4


def test_a_heap_that_was_closed_here_can_be_attached_again(heap):
    block = heap.alloc(5)
    block[:] = b"still"

    def work(pipe):
        descriptor = os.dup(heap.fileno())
        ticket = heap.ticket(block)
        heap.close()
        again = rheap.SharedHeap.attach(fd=descriptor)
        assert again is not heap
        assert rheap.SharedHeap.attach(fd=descriptor) is again
        assert again.redeem(ticket)[:] == b"still"
        again.check()

    with Child(work):
        pass


def test_the_memory_goes_with_the_last(heap):
    """What the kernel says of it is what counts."""
    code = """
        import os, rheap
        heap = rheap.SharedHeap("1 MiB")
        name = f"rheap-{heap._id:016x}"
        array = heap.array(100, "u1")
        here = lambda: name in open("/proc/self/maps").read()
        assert here()
        heap.close()
        del heap
        assert here()
        del array
        assert not here()
        print("gone")
    """
    assert run_python(code) == "gone\n"


def test_a_heap_that_is_dropped_is_left_too():
    heap = rheap.SharedHeap("1 MiB")
    descriptor = os.dup(heap.fileno())

    def work(pipe):
        other = rheap.SharedHeap.attach(fd=descriptor)
        pipe.send(len(other.processes()))
        pipe.recv()
        pipe.send([process.inherited for process in other.processes()])

    with Child(work) as child:
        assert child.receive() == 2
        del heap
        gc.collect()
        child.send("look")
        assert child.receive() == [True]
    os.close(descriptor)
