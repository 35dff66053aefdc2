"""Workers on queues that are killed at any time: nothing is lost but what the dead alone had."""

import os
import random
import signal
from multiprocessing.connection import wait

import numpy as np
import pytest
from processes import SECONDS, Child, assert_nothing_left, fork_without_descriptors
from support import SANITIZED

import rheap

KILLS = int(os.environ.get("RHEAP_KILLS", "20" if SANITIZED else "100"))


def expect_no_place(heap):
    with pytest.raises(OSError, match="when this process was forked"):
        heap.alloc(8)


def work_at_queue(heap):
    """Doubles each array into a new one; does what else there is to do in between."""

    def work(pipe):
        pick = random.Random(os.getpid())
        kept = []
        while True:
            number, array = pipe.recv()
            assert (array == number).all()
            doubled = heap.array(array.shape, array.dtype)
            np.multiply(array, 2, out=doubled)
            del array
            for _ in range(pick.randrange(4)):
                size = pick.choice([8, 100, 5000])
                block = heap.alloc(size)
                block[:] = bytes([7]) * size
                if pick.random() < 0.3:
                    block.resize(size // 2)
                if pick.random() < 0.5:
                    kept.append(heap.redeem(heap.ticket(block)))
                elif pick.random() < 0.1:
                    heap.ticket(block)  # nobody will claim it
                if pick.random() < 0.01:
                    heap.check()
                if pick.random() < 0.01 and not SANITIZED:
                    assert fork_without_descriptors(lambda: expect_no_place(heap)) == 0
                del block
            pipe.send((number, doubled))
            del doubled
            if len(kept) > 10:
                kept.clear()

    return work


class Line:
    """A worker, and what is at it: each array stays here until its answer came."""

    def __init__(self, heap):
        self.heap = heap
        self.child = Child(work_at_queue(heap))
        self.waiting = {}

    def feed(self, number):
        array = self.heap.array(50 + number % 1000, "i4")
        array[:] = number
        self.waiting[number] = array
        self.child.send((number, array))

    def take(self):
        """An answer; None when the worker is gone."""
        try:
            number, doubled = self.child.pipe.recv()
        except (EOFError, ConnectionError):
            return None
        except rheap.BlockGone:
            raise AssertionError("a ticket that the dead sent was lost") from None
        array = self.waiting.pop(number)
        assert (array == number).all()
        assert (doubled == 2 * number).all()
        assert doubled.shape == array.shape
        return number

    def kill(self):
        """What it had sent can still be had."""
        self.child.kill()
        while self.take() is not None:
            pass
        assert self.child.status == -signal.SIGKILL
        self.child.close()
        for number, array in self.waiting.items():
            assert (array == number).all()


def storm(heap, kills, seed=0):
    pick = random.Random(seed)
    lines = [Line(heap) for _ in range(3)]
    fed = done = 0
    while kills > 0:
        for line in lines:
            while len(line.waiting) < 3:
                line.feed(fed)
                fed += 1
        for _ in range(pick.randrange(1, 4)):  # no more than each has to answer
            ready = wait([line.child.pipe for line in lines], SECONDS)
            assert ready, "all workers hang"
            for line in lines:
                if line.child.pipe in ready:
                    assert line.take() is not None, line.child.end()
                    done += 1
        at = pick.randrange(len(lines))
        for _ in range(pick.randrange(2000)):  # at any moment
            pass
        lines[at].kill()
        kills -= 1
        lines[at] = Line(heap)
        if kills % 10 == 0:
            heap.check()
        if kills % 50 == 0:
            heap.recall()
            heap.recall(dead=True)
    for line in lines:
        line.kill()
    return done


@pytest.mark.slow
def test_kills_of_workers_at_any_time():
    with rheap.SharedHeap("16 MiB") as heap:
        witness = heap.array(1000, "i4")
        witness[:] = range(1000)
        assert storm(heap, KILLS) >= KILLS
        assert witness.tolist() == list(range(1000))
        del witness
        assert_nothing_left(heap)


def test_kills_in_a_heap_that_is_nearly_full():
    """What the dead had is given to whoever asks next, so nobody is refused for long."""
    with rheap.SharedHeap("1 MiB", objects=256) as heap:
        storm(heap, KILLS // 4, seed=2)
        assert_nothing_left(heap)
