"""What freeing answers: whether the memory came back now."""

import subprocess
import sys
import textwrap

import pytest
from support import SIZE, expose, live

import rheap

pytestmark = pytest.mark.usefixtures("no_default_heap")


def free_of_block(_, block):
    return block.free()


def free_of_heap(heap, block):
    return heap.free(block)


def r_free(heap, block):
    rheap.default._heap = heap
    return rheap.r_free(block)


MANUAL = [free_of_heap, r_free]
KINDS = [
    pytest.param(lambda: rheap.Heap("1 MiB"), id="heap"),
    pytest.param(lambda: rheap.SharedHeap("1 MiB"), id="shared"),
]


@pytest.fixture(params=KINDS)
def any_heap(request):
    with request.param() as heap:
        yield heap


@pytest.mark.parametrize("free", [free_of_block, *MANUAL])
def test_memory_that_comes_back_is_true(any_heap, free):
    assert free(any_heap, any_heap.alloc(SIZE)) is True
    assert live(any_heap) == (0, 0)


@pytest.mark.parametrize("free", [free_of_block, *MANUAL])
def test_memory_that_waits_is_false(any_heap, free):
    blocks = [any_heap.alloc(SIZE) for _ in range(3)]
    for block in blocks:
        expose(block)
    assert [free(any_heap, block) for block in blocks] == [False] * 3
    assert live(any_heap) == (3, 3)
    del block, blocks
    assert live(any_heap) == (0, 0)


def test_free_of_a_freed_block_does_nothing_and_says_where_the_memory_is(heap):
    back, waits = heap.alloc(SIZE), heap.alloc(SIZE)
    expose(waits)
    keeper = [waits]
    back.free()
    waits.free()
    assert (back.free(), waits.free()) == (True, False)
    assert live(heap) == (1, 1)
    del keeper


def test_free_of_a_block_whose_heap_is_closed(heap):
    back, waits = heap.alloc(SIZE), heap.alloc(SIZE)
    expose(waits)
    heap.close()
    assert (back.free(), waits.free()) == (True, False)
    for block in (back, waits):
        with pytest.raises(rheap.HeapClosed, match="cannot free"):
            heap.free(block)


@pytest.mark.parametrize("free", MANUAL)
@pytest.mark.parametrize("waits", [False, True])
def test_by_hand_a_block_is_freed_once(any_heap, free, waits):
    block = any_heap.alloc(SIZE)
    keeper = [block]
    if waits:
        expose(block)
    assert free(any_heap, block) is not waits
    with pytest.raises(rheap.BlockFreed, match="freed already; free it once"):
        free(any_heap, block)
    assert live(any_heap) == ((1, 1) if waits else (0, 0))
    del keeper


WARNED = """
    import hashlib, rheap

    heap = rheap.Heap("1 MiB", debug=True)
    rheap.default._heap = heap
    blocks = [heap.alloc(64) for _ in range(10)]
    for block in blocks:
        hashlib.sha256(block)
    answers = []
    for block in blocks:
        answers.append({free})
    assert answers == [False] * 10, answers
    del block, blocks
    assert heap.stats().live_blocks == 0
"""


@pytest.mark.parametrize("free", ["heap.free(block)", "block.free()", "rheap.r_free(block)"])
def test_python_shows_the_warning_of_a_debug_heap_once_for_each_line(free):
    # With the filters that Python starts with.
    code = textwrap.dedent(WARNED).format(free=free)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = done.stderr
    assert seen.count("Warning") == 1
    assert seen.startswith("<string>:11: LingeringWarning: block allocated at <string>:6 ")
    assert "block.view()" in seen
    assert "heap.buffer()" in seen


def test_the_warning_as_an_error_loses_nothing(unraisable):
    heap = rheap.Heap("1 MiB", debug=True)
    blocks = [heap.alloc(SIZE) for _ in range(3)]
    for block in blocks:
        expose(block)
    assert [block.free() for block in blocks] == [False] * 3  # here warnings are errors
    assert [type(error) for error in unraisable] == [rheap.LingeringWarning] * 3
    unraisable.clear()
    del block, blocks
    assert live(heap) == (0, 0)
