"""What sees a block in one process keeps it there, while all others have let it go."""

import ctypes
import gc
import os
import pickle

import numpy as np
import pyarrow
import pytest
from processes import Child, assert_nothing_left
from support import library

import rheap

PATTERN = bytes(range(256)) * 16
SIZE = len(PATTERN)


@pytest.fixture
def heap():
    with rheap.SharedHeap("64 KiB") as heap:
        yield heap
        assert_nothing_left(heap)


def of_torch(block):
    torch = library("torch")
    return torch.frombuffer(block, dtype=torch.uint8)


# How each keeps the memory of what came, and how it is read.
CONSUMERS = {
    "the array itself": (lambda block: np.frombuffer(block.view(), "u1"), bytes),
    "view of the array": (lambda block: np.frombuffer(block.view(), "u1")[::-1][::-1], bytes),
    "asarray": (np.asarray, bytes),
    "exposed ndarray": (lambda block: np.ndarray(SIZE, "u1", buffer=block), bytes),
    "memoryview": (memoryview, bytes),
    "ctypes": (lambda block: (ctypes.c_char * SIZE).from_buffer(block), bytes),
    "PickleBuffer": (pickle.PickleBuffer, bytes),
    "pyarrow": (pyarrow.py_buffer, lambda buffer: buffer.to_pybytes()),
    "torch": (of_torch, lambda tensor: tensor.numpy().tobytes()),
}


def fill_rest(heap):
    """Writes over every byte that could be given to somebody else."""
    taken = []
    while (size := heap.stats().largest_merged) > 0:
        block = heap.alloc(size)
        block[:] = b"\xee" * size
        taken.append(block)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONSUMERS)
def test_bytes_stay_right_until_the_last_view_is_gone(heap, name):
    take, read = CONSUMERS[name]
    if name == "torch":
        library("torch")

    def work(pipe):
        block = pipe.recv()
        seen = take(block)
        block.free() if name == "exposed ndarray" else block.__exit__(None, None, None)
        del block
        pipe.send("has it")
        pipe.recv()
        pipe.send(read(seen) == PATTERN)
        pipe.recv()
        del seen
        gc.collect()
        pipe.send("dropped it")
        pipe.recv()

    with Child(work) as child:
        block = heap.alloc(SIZE)
        block[:] = PATTERN
        child.send(block)
        assert child.receive() == "has it"
        block.free()
        assert heap.stats().live_blocks == 1
        assert heap.blocks()[0].pids == (child.pid,)
        fill_rest(heap)
        child.send("read")
        assert child.receive() is True
        child.send("drop")
        assert child.receive() == "dropped it"
        assert heap.stats().live_blocks == 0
        child.send("end")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONSUMERS)
def test_the_sender_sees_while_the_receiver_lets_go(heap, name):
    take, read = CONSUMERS[name]
    if name == "torch":
        library("torch")

    def work(pipe):
        block = pipe.recv()
        assert block[:] == PATTERN
        block.free()
        del block
        fill_rest(heap)
        pipe.send("let it go")
        pipe.recv()

    with Child(work) as child:
        block = heap.alloc(SIZE)
        block[:] = PATTERN
        seen = take(block)
        child.send(block)
        del block
        gc.collect()
        assert child.receive() == "let it go"
        assert heap.blocks()[0].pids == (os.getpid(),)
        assert read(seen) == PATTERN
        del seen
        gc.collect()
        assert heap.stats().live_blocks == 0
        child.send("end")


def test_a_chain_of_processes_hands_one_array_on(heap):
    """Each drops it once the next one has it."""

    def work(pipe):
        array, rest = pipe.recv()
        if rest:
            with Child(work) as next_one:
                next_one.send((array + 0 if array.ndim == 0 else array, rest - 1))
                del array
                pipe.send(next_one.receive())
        else:
            pipe.send(int(array.sum()))

    array = heap.array(1000, "u1")
    array[:] = 2
    with Child(work) as child:
        child.send((array, 3))
        del array
        assert child.receive() == 2000
    heap.reap()
    assert heap.stats().live_blocks == 0


def test_many_arrays_many_times(heap):
    """A ring of buffers, as loaders use one: nothing is left behind."""

    def work(pipe):
        while (arrays := pipe.recv()) is not None:
            pipe.send([int(array[0]) for array in arrays])
            del arrays

    with Child(work) as child:
        for turn in range(200):
            arrays = [heap.array(100, "i4") for _ in range(5)]
            for number, array in enumerate(arrays):
                array[:] = 5 * turn + number
            child.send(arrays)
            del arrays, array
            assert child.receive() == list(range(5 * turn, 5 * turn + 5))
        child.send(None)
