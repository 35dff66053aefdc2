"""Several processes of several threads at one heap, which fork in between."""

import contextlib
import os
import queue
import random
import threading

import pytest
from processes import Child, assert_nothing_left
from support import SANITIZED, rounds

import rheap

PROCESSES, THREADS = 4, 4
ROUNDS = rounds(300)


def work_of_thread(heap, seed, tickets, mine):
    """`tickets`: a pipe that all threads of all processes read and write."""
    pick = random.Random(seed)
    kept = []
    for round_ in range(ROUNDS):
        what = pick.random()
        if what < 0.4 or not kept:
            size = pick.choice([8, 24, 100, 1000, pick.randrange(5000)])
            block = heap.alloc(size, zero=pick.random() < 0.2)
            block[:] = bytes([seed % 251]) * size
            kept.append((block, seed % 251))
        elif what < 0.6:
            block, byte = kept.pop(pick.randrange(len(kept)))
            assert set(block[:]) <= {byte}
            if pick.random() < 0.5:
                block.free()
        elif what < 0.8:
            block, byte = pick.choice(kept)
            with contextlib.suppress(BlockingIOError):  # full: nobody will claim it
                os.write(tickets[1], heap.ticket(block) + bytes([byte]))
        elif what < 0.95:
            try:
                data = os.read(tickets[0], 33)
            except BlockingIOError:
                continue
            block = heap.redeem(data[:32])
            assert set(block[:]) <= {data[32]}
            kept.append((block, data[32]))
        elif what < 0.97:
            heap.check()
            heap.defrag()
        elif what < 0.98:
            heap.stats()
            heap.blocks()
            heap.processes()
        elif what < 0.99 and mine is not None:
            mine.put(round_)
        if len(kept) > 20:
            del kept[:10]
        block = None
    for block, byte in kept:
        assert set(block[:]) <= {byte}


@pytest.mark.skipif(SANITIZED, reason="AddressSanitizer's locks may be taken when the fork comes")
def test_nothing_hangs_and_nothing_is_damaged():
    heap = rheap.SharedHeap("16 MiB")
    witness = heap.alloc(1000)
    witness[:] = b"w" * 1000
    tickets = os.pipe()
    for end in tickets:
        os.set_blocking(end, False)

    def forked(pipe):
        heap.check()
        work_of_thread(heap, os.getpid(), tickets, None)
        assert witness[:] == b"w" * 1000

    def process(number):
        def work(pipe):
            forks, errors = queue.SimpleQueue(), []

            def guarded(seed):
                try:
                    work_of_thread(heap, seed, tickets, forks)
                except BaseException as error:
                    errors.append(error)
                finally:
                    forks.put(None)

            threads = [
                threading.Thread(target=guarded, args=(number * THREADS + each,))
                for each in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            running, forked_already = THREADS, 0
            while running:
                if forks.get() is None:
                    running -= 1
                elif forked_already < 3:
                    forked_already += 1
                    Child(forked).end()
            for thread in threads:
                thread.join()
            if errors:
                raise errors[0]

        return work

    children = [Child(process(number)) for number in range(PROCESSES)]
    for child in children:
        child.end()
    heap.check()
    heap.reap()
    assert witness[:] == b"w" * 1000
    while True:
        try:
            data = os.read(tickets[0], 33)
        except BlockingIOError:
            break
        assert set(heap.redeem(data[:32])[:]) <= {data[32]}
    witness = None
    assert_nothing_left(heap)
    os.close(tickets[0])
    os.close(tickets[1])
