"""Fixtures that several test files need."""

import faulthandler
import gc
import signal
import sys

import pytest
from support import BYTES

import rheap

pytest_plugins = ["pytester"]  # runs of pytest of their own, for the plugin

# A shell has what runs in its background ignore Ctrl-C, and so would the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def heap():
    """A heap of 1 MiB, checked when the test is over unless the test closed it."""
    heap = rheap.Heap("1 MiB")
    yield heap
    if not heap.closed:
        heap.check()


@pytest.fixture
def block(heap):
    """A block of a few bytes."""
    block = heap.alloc(len(BYTES))
    block[:] = BYTES
    return block


@pytest.fixture
def heap_with_witness():
    """A heap in which a block with a pattern must survive the test, and nothing else may."""
    with rheap.Heap("1 MiB") as heap:
        kept = heap.alloc(1000)
        kept[:] = bytes(range(250)) * 4
        before = heap.stats().live_blocks
        yield heap
        if not heap.closed:
            if heap.stats().live_blocks != before:
                gc.collect()  # what was raised holds the frames and so the blocks of the test
            heap.check()
            assert heap.stats().live_blocks == before
        assert kept.freed or kept[:] == bytes(range(250)) * 4


@pytest.fixture(params=["deferred", "immediate", "debug"])
def heap_of_each_kind(request):
    """A larger heap, once of each kind."""
    if request.param == "debug":
        return rheap.Heap("64 MiB", debug=True)
    return rheap.Heap("64 MiB", coalesce=request.param)


@pytest.fixture
def no_default_heap(monkeypatch):
    """As before the first `init_heap`."""
    monkeypatch.setattr("rheap.default._heap", None)


@pytest.fixture
def unraisable(monkeypatch):
    """The exceptions that had nobody to be raised to."""
    caught = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda hook: caught.append(hook.exc_value.with_traceback(None))
    )
    return caught


@pytest.fixture
def fill_rest():
    """`fill_rest(heap, pattern)` writes over every byte that could be given to somebody else."""

    def fill(heap, pattern):
        taken = []
        while (size := heap.stats().largest_merged) > 0:
            block = heap.alloc(size)
            block[:] = bytes([pattern]) * size
            taken.append(block)
        for block in taken:
            block.free()

    return fill


@pytest.fixture
def assert_intact(fill_rest):
    """Asserts that nothing which the heap could still give lies in the array."""

    def check(heap, array):
        fill_rest(heap, 0xEE)
        assert array.tobytes() == bytes(range(array.nbytes))

    return check


@pytest.fixture
def quiet():
    """No collection in between, so that resident memory moves for one reason only."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def switching_often():
    """Threads take turns every few microseconds, and a hang ends the process with tracebacks."""
    faulthandler.dump_traceback_later(600, exit=True)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
    faulthandler.cancel_dump_traceback_later()
