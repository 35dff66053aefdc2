"""When there is no more of something: the error that says of what, and a heap that is whole."""

import errno
import multiprocessing
import os
import resource
import signal

import pytest
from processes import Child, assert_nothing_left, fork
from shared_workers import produce_and_end
from support import SANITIZED, in_child, plain_build_only, run_python

import rheap


def assert_whole(heap):
    """The next request that fits is served."""
    heap.check()
    block = heap.alloc(8)
    assert heap.redeem(heap.ticket(block)).size == 8
    block.free()
    heap.check()


def test_a_limit_for_files_is_named_when_the_heap_is_made():
    def child():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        with pytest.raises(OSError, match="RLIMIT_FSIZE") as caught:
            rheap.SharedHeap("1 MiB")
        assert caught.value.errno == errno.EFBIG
        rheap.Heap("1 MiB").alloc(8)

    in_child(child)


def test_a_limit_that_comes_later_is_no_signal():
    heap = rheap.SharedHeap("64 MiB")

    def child():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            block = heap.alloc("40 MiB")
        except OSError as error:
            assert error.errno == errno.EFBIG
        else:
            block[:] = b"x" * len(block)
        heap.check()

    in_child(child)
    assert_whole(heap)


@plain_build_only
def test_a_limit_for_memory_is_an_os_error():
    code = """
        import errno, resource, rheap
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        try:
            rheap.SharedHeap("4 GiB")
        except OSError as error:
            assert error.errno == errno.ENOMEM, error
            print("refused")
        heap = rheap.SharedHeap("1 MiB")
        heap.check()
    """
    assert run_python(code) == "refused\n"


@pytest.mark.skipif(SANITIZED, reason="the sanitizer looks at memory through descriptors")
def test_no_descriptor_left_is_an_os_error():
    before = rheap.SharedHeap("1 MiB")
    kept = os.dup(before.fileno())

    def child():
        before.close()
        used = sorted(map(int, os.listdir("/proc/self/fd")))
        # All of those below the limit are taken then.
        limit = used[-1] + 2
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        taken = []
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            pass
        for call in (lambda: rheap.SharedHeap("1 MiB"), lambda: rheap.SharedHeap.attach(fd=kept)):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.errno == errno.EMFILE
        os.close(taken.pop())
        with pytest.raises(OSError) as caught:  # the mark of life takes one more for a moment
            rheap.SharedHeap.attach(fd=kept)
        assert caught.value.errno == errno.EMFILE
        os.close(taken.pop())
        rheap.SharedHeap.attach(fd=kept).check()

    in_child(child)
    os.close(kept)
    assert_whole(before)


def test_a_full_heap():
    heap = rheap.SharedHeap("64 KiB")
    with pytest.raises(rheap.HeapExhausted) as caught:
        heap.alloc("65 KiB")
    assert caught.value.records is None
    assert caught.value.capacity == 65_536
    assert "make it larger" in str(caught.value)
    blocks = []
    with pytest.raises(rheap.HeapExhausted):
        while True:
            blocks.append(heap.alloc(1000))
    assert len(blocks) == 65_536 // 1008
    blocks.pop()
    assert_whole(heap)
    blocks.clear()
    assert_nothing_left(heap)


def test_no_record_left_for_an_object():
    heap = rheap.SharedHeap("1 MiB", objects=64)
    blocks = [heap.alloc(8) for _ in range(64)]
    for _ in range(2):
        for call in (lambda: heap.alloc(8), lambda: heap.array(1)):
            with pytest.raises(rheap.HeapExhausted, match="one more of 64 objects") as caught:
                call()
            assert (caught.value.records, caught.value.capacity) == ("objects", 64)
    blocks.pop()
    assert_whole(heap)
    blocks.append(heap.alloc(8))
    with pytest.raises(rheap.HeapExhausted):
        heap.alloc(8)
    heap.check()
    del blocks
    assert_nothing_left(heap)


def test_no_record_left_for_a_ticket():
    heap = rheap.SharedHeap("1 MiB", objects=64)
    array = heap.array(4, zero=True)
    tickets = [heap.ticket(array) for _ in range(64)]
    for what in (array, array[::-1], array.base.block):
        with pytest.raises(rheap.HeapExhausted, match="one more of 64 tickets") as caught:
            heap.ticket(what)
        assert (caught.value.records, caught.value.capacity) == ("tickets", 64)
    heap.redeem(tickets.pop())
    assert_whole(heap)
    assert heap.recall() == 63
    del array, what
    assert_nothing_left(heap)


def test_what_the_dead_had_is_given_before_anything_is_refused():
    heap = rheap.SharedHeap("1 MiB", objects=64)

    def records(pipe):
        kept = [heap.alloc(8) for _ in range(64)]
        pipe.send(len(kept))
        signal.pause()

    def memory(pipe):
        kept = heap.alloc(1_000_000)
        pipe.send(len(kept))
        signal.pause()

    for work, size in ((records, 8), (memory, 900_000)):
        with Child(work) as child:
            child.receive()
            with pytest.raises(rheap.HeapExhausted):
                heap.alloc(size)
            child.kill()
            assert heap.alloc(size).size == size
    assert_nothing_left(heap)


def test_tickets_of_the_dead_are_dropped_oldest_first_before_anything_is_refused():
    heap = rheap.SharedHeap("1 MiB", objects=64)

    def work(pipe):
        for number in range(3):
            block = heap.alloc(300_000)
            block[0] = number
            pipe.send(heap.ticket(block))

    with Child(work) as child:
        tickets = [child.receive() for _ in range(3)]
    assert heap.alloc(100_000).size == 100_000  # it fits, so nothing was dropped
    assert len(heap.tickets()) == 3
    block = heap.alloc(200_000)
    assert len(heap.tickets()) == 2
    with pytest.raises(rheap.BlockGone):
        heap.redeem(tickets[0])
    assert heap.redeem(tickets[2])[0] == 2
    assert heap.redeem(tickets[1])[0] == 1
    del block
    assert_nothing_left(heap)


def test_tickets_of_the_living_and_of_those_who_left_are_never_dropped():
    heap = rheap.SharedHeap("64 KiB")
    mine, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=produce_and_end, args=(heap, theirs, 3)
    )
    process.start()
    process.join(60)
    with pytest.raises(rheap.HeapExhausted):
        heap.alloc(60_000)
    assert [info.sender for info in heap.tickets()] == ["left"] * 3
    assert [mine.recv()[0] for _ in range(3)] == [0, 1, 2]
    assert heap.alloc(60_000).size == 60_000
    ticket = heap.ticket(heap.alloc(30_000))
    with pytest.raises(rheap.HeapExhausted):
        heap.alloc(60_000)
    assert heap.redeem(ticket).size == 30_000
    assert_nothing_left(heap)


# --- resize ---------------------------------------------------------------------------------------


def test_a_block_that_others_have_is_not_resized():
    heap = rheap.SharedHeap("1 MiB")
    block = heap.alloc(100)
    block[:] = b"r" * 100

    def refused():
        with pytest.raises(rheap.BlockShared) as caught:
            block.resize(200)
        assert caught.value.offset == block.offset
        assert block[:] == b"r" * 100
        assert_whole(heap)

    ticket = heap.ticket(block)
    refused()  # a ticket
    again = heap.redeem(ticket)
    refused()  # another Block here
    again.free()
    with Child(lambda pipe: pipe.recv()) as child:
        refused()  # another process
        child.send("end")
    block.resize(200)  # that process is no more
    assert block[:100] == b"r" * 100
    heap.check()
    block.resize(10)
    block.resize(5000)
    assert block[:10] == b"r" * 10
    block = again = None
    assert_nothing_left(heap)


def test_a_resize_that_does_not_fit_changes_nothing():
    heap = rheap.SharedHeap("64 KiB")
    block, behind = heap.alloc(30_000), heap.alloc(8)
    block[:] = b"r" * 30_000
    with pytest.raises(rheap.HeapExhausted):
        block.resize(40_000)
    assert block[:] == b"r" * 30_000
    assert_whole(heap)
    got = heap.redeem(heap.ticket(block))
    assert got.size == 30_000
    del block, behind, got
    assert_nothing_left(heap)


@pytest.mark.parametrize(
    ("objects", "error", "words"),
    [
        ("5", TypeError, "objects must be an int, not str"),
        (1.5, TypeError, "objects must be an int, not float"),
        (True, TypeError, "objects must be an int, not bool"),
        (0, ValueError, "objects must be from 1 to 16,777,216, not 0"),
        (-1, ValueError, "not -1"),
        (1 << 70, ValueError, "objects must be from 1 to"),
    ],
)
def test_numbers_of_objects_that_make_no_sense(objects, error, words):
    with pytest.raises(error, match=words):
        rheap.SharedHeap("1 MiB", objects=objects)


# --- processes ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_more_processes_than_there_are_slots():
    heap = rheap.SharedHeap("1 MiB")
    descriptor = os.dup(heap.fileno())
    gate_in, gate_out = os.pipe()
    pids = []

    def wait_there():
        os.close(gate_out)
        os.read(gate_in, 1)
        os._exit(0)

    try:
        for _ in range(1023):
            pid = fork()
            if pid == 0:
                wait_there()
            pids.append(pid)
        assert len(heap.processes()) == 1024
        heap.check()

        def one_more(pipe):
            for call in (lambda: heap.alloc(8), heap.check, heap.processes):
                with pytest.raises(OSError, match="1,024 processes were attached") as caught:
                    call()
                assert caught.value.errno == errno.EUSERS
            heap.close()
            with pytest.raises(OSError, match="too many processes") as caught:
                rheap.SharedHeap.attach(fd=descriptor)
            assert caught.value.errno == errno.EUSERS

        with Child(one_more):
            pass
        assert_whole(heap)
        os.kill(pids[0], signal.SIGKILL)
        os.waitpid(pids.pop(0), 0)

        def fits(pipe):
            heap.alloc(8)
            heap.check()

        with Child(fits):  # the dead are buried first
            pass
        assert_whole(heap)
    finally:
        os.close(gate_out)
        for pid in pids:
            os.waitpid(pid, 0)
        os.close(gate_in)
        os.close(descriptor)
    assert heap.reap() >= 1023
    assert_nothing_left(heap)
