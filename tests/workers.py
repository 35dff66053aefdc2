"""Threads that use a heap for as long as they are let."""

import random
import threading
import zlib

from support import FEWER

import rheap


def run_threads(*works, seconds=0.2 if FEWER else 0.3):
    """Runs each work(stop, number) in a thread until time is up; raises what they raised."""
    stop, errors = threading.Event(), []

    def guarded(work, number):
        try:
            work(stop, number)
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [
        threading.Thread(target=guarded, args=(work, number)) for number, work in enumerate(works)
    ]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Worker:
    """Takes, looks, resizes and gives back; what it wrote must be there whenever it looks."""

    def __init__(self, heap, largest=3000):
        self.heap = heap
        self.largest = largest
        self.rounds = 0

    def __call__(self, stop, number):
        pick = random.Random(number)
        blocks = []
        while not stop.is_set():
            self.step(pick, blocks, number)
            self.rounds += 1
        for block, pattern in blocks:
            assert block[:] == pattern

    def step(self, pick, blocks, number):
        if len(blocks) < 40 or pick.random() < 0.5:
            size = pick.choice([0, 8, 24, 100, pick.randrange(self.largest)])
            block = self.heap.alloc(size, zero=pick.random() < 0.1)
            pattern = bytes([pick.randrange(256), number]) * (size // 2) + b"x" * (size % 2)
            block[:] = pattern
            blocks.append((block, pattern))
            return
        block, pattern = blocks.pop(pick.randrange(len(blocks)))
        way = pick.randrange(6)
        if way == 0:
            with block:
                view = memoryview(block)
                assert view == pattern
            del block
            assert view == pattern  # lingers
        elif way == 1:
            with memoryview(block):
                try:
                    block.free()
                except rheap.BlockPinned:
                    assert block[:] == pattern
                else:
                    assert self.heap.closed
            block.free()
        elif way == 2:
            size = pick.randrange(self.largest)
            block.resize(size)
            kept = pattern[:size]
            assert block[: len(kept)] == kept
        elif way == 3:
            assert zlib.crc32(block) == zlib.crc32(pattern)
            self.heap.free(block)
        else:
            assert block[:] == pattern
