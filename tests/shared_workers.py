"""What processes do that `multiprocessing` starts: it finds these functions by their names."""

import signal

import numpy as np

import rheap


def facts_of(array):
    """All that must be the same on the other side."""
    dtype = array.dtype
    fields = sorted((dtype.fields or {}).items())
    flags = array.flags
    return (
        (array.shape, array.strides, dtype, fields, dtype.itemsize),
        (flags.writeable, flags.c_contiguous, flags.f_contiguous, flags.aligned),
        array.tobytes(),
    )


def use_arguments(before, heap, block, view, answers):
    """`before`: an array, unpickled before the heap is."""
    assert isinstance(heap, rheap.SharedHeap)
    answers.put((before.tolist(), block[:], facts_of(view)))
    before[0] = 99
    block[0] = 98
    made = heap.array(1000, "i4")
    made[:] = range(1000)
    answers.put((made, made[::-2]))


def echo(heap, questions, answers):
    """Sends each array back, and what it is here."""
    while (array := questions.get()) is not None:
        answers.put((array, facts_of(array)))
    heap.check()


_heap = None


def remember(heap, array):
    global _heap
    _heap = heap
    array[0] += 1


def double(array):
    """A new array of the heap that `remember` got."""
    made = _heap.array(array.shape, array.dtype)
    np.multiply(array, 2, out=made)
    return made


def produce_and_end(heap, answers, count):
    for number in range(count):
        array = heap.array(1000, "i4")
        array[:] = number
        answers.send(array)


def produce_and_wait(heap, answers, count):
    produce_and_end(heap, answers, count)
    signal.pause()


def name_errors(questions, answers):
    """What getting something from the queue raises, until there is nothing more."""
    while True:
        try:
            if questions.get() is None:
                return
        except Exception as error:
            answers.put((type(error), str(error)))
