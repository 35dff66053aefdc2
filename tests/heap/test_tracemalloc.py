"""Blocks in tracemalloc, under a domain of their own."""

import gc
import linecache
import sys
import threading
import tracemalloc

import pytest

import rheap

BLOCKS = [tracemalloc.DomainFilter(True, rheap.TRACEMALLOC_DOMAIN)]


@pytest.fixture
def tracing():
    tracemalloc.start()
    yield
    tracemalloc.stop()


def traced():
    """Bytes and blocks that tracemalloc knows of."""
    statistics = tracemalloc.take_snapshot().filter_traces(BLOCKS).statistics("filename")
    return sum(one.size for one in statistics), sum(one.count for one in statistics)


@pytest.mark.usefixtures("tracing")
def test_a_comparison_of_snapshots_finds_the_line_that_leaks():
    heap = rheap.Heap("1 MiB")
    before = tracemalloc.take_snapshot().filter_traces(BLOCKS)
    leaked = []
    for _ in range(7):
        leaked.append(heap.alloc(100))
        heap.alloc(500).free()
    after = tracemalloc.take_snapshot().filter_traces(BLOCKS)
    (difference,) = after.compare_to(before, "lineno")
    assert (difference.size_diff, difference.count_diff) == (700, 7)
    (frame,) = difference.traceback
    assert frame.filename == __file__
    assert "leaked.append" in linecache.getline(__file__, frame.lineno)


@pytest.mark.usefixtures("tracing")
def test_every_door_forgets_the_block(heap):
    def leave(block):
        with block:
            pass

    for closing in (leave, lambda block: block.free(), heap.free, lambda block: None):
        closing(heap.alloc(100))
        assert traced() == (0, 0)
    holder = [heap.alloc(100)]
    holder.append(holder)
    del holder
    gc.collect()
    assert traced() == (0, 0)
    kept = heap.alloc(100)
    assert traced() == (100, 1)
    heap.close()
    assert traced() == (0, 0)
    assert kept.freed


@pytest.mark.usefixtures("tracing")
def test_a_lingering_block_is_known_until_its_memory_returns(heap):
    with heap.alloc(100) as block:
        view = memoryview(block)
    assert traced() == (100, 1)
    view.release()
    del view, block
    gc.collect()
    assert traced() == (0, 0)


@pytest.mark.usefixtures("tracing")
def test_a_resized_block_is_known_by_its_new_size(heap):
    block = heap.alloc(100)
    wall = heap.alloc(8)
    for size in (50, 200, 5000, 0, 7):
        block.resize(size)
        assert traced() == (size + 8, 2)
    with pytest.raises(rheap.HeapExhausted):
        block.resize("2 MiB")
    assert traced() == (15, 2)
    assert wall.size == 8


@pytest.mark.usefixtures("tracing")
def test_a_refused_resize_leaves_the_trace_where_it_was(heap):
    def lines():
        statistics = tracemalloc.take_snapshot().filter_traces(BLOCKS).statistics("lineno")
        return [(one.traceback[0].lineno, one.size) for one in statistics]

    block = heap.alloc(100)
    before = lines()
    with pytest.raises(rheap.HeapExhausted):
        block.resize("2 MiB")
    assert lines() == before
    assert block.size == 100


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("action", ["free", "close"])
def test_code_that_runs_while_a_refusal_is_told_may_free_the_block(heap, action):
    block = heap.alloc(100)

    def interfere(frame, _event, _argument):
        if isinstance(frame.f_locals.get("self"), rheap.HeapExhausted):
            sys.setprofile(None)
            (block.free if action == "free" else heap.close)()

    sys.setprofile(interfere)
    try:
        with pytest.raises(rheap.HeapExhausted):
            block.resize("2 MiB")
    finally:
        sys.setprofile(None)
    assert block.freed
    assert traced() == (0, 0)


def test_tracing_that_starts_or_stops_in_between(heap):
    old = heap.alloc(100)
    tracemalloc.start()
    new = heap.alloc(200)
    assert traced() == (200, 1)
    old.resize(300)  # allocated anew, as far as tracemalloc knows
    assert traced() == (500, 2)
    tracemalloc.stop()
    new.free()
    other = heap.alloc(1)
    tracemalloc.start()
    try:
        assert traced() == (0, 0)
        del old, other
        assert traced() == (0, 0)
    finally:
        tracemalloc.stop()
    heap.check()


@pytest.mark.parametrize(
    "make",
    [
        lambda heap: heap.alloc(8),
        lambda heap: heap.alloc(8).view().obj,
        lambda heap: heap.alloc(8).__enter__,
    ],
    ids=["block", "pin", "method"],
)
def test_an_object_that_lives_again_is_of_its_new_line(heap, make):
    tracemalloc.start(5)
    try:
        kept = [make(heap) for _ in range(500)]  # more than there are objects from before
        del kept
        kept = [make(heap) for _ in range(500)]
        line = sys._getframe().f_lineno - 1
        found = [tracemalloc.get_object_traceback(thing) for thing in kept]
    finally:
        tracemalloc.stop()
    places = {
        (frame.filename, frame.lineno) for frames in found if frames is not None for frame in frames
    }
    assert (__file__, line) in places
    assert (__file__, line - 2) not in places
    assert (__file__, line - 3) not in places


def test_the_warning_of_a_lingering_block_names_its_own_line():
    heap = rheap.Heap("1 MiB", debug=True)
    tracemalloc.start()
    try:
        former = [heap.alloc(8) for _ in range(500)]
        del former
        kept = [heap.alloc(8) for _ in range(500)]
        line = sys._getframe().f_lineno - 1
        views = [block.view() for block in kept]
        with pytest.warns(rheap.LingeringWarning, match=f":{line} ") as seen:
            for block in kept:
                block.__exit__(None, None, None)
        sources = [tracemalloc.get_object_traceback(warning.source) for warning in seen]
    finally:
        tracemalloc.stop()
    lines = [source[0].lineno for source in sources if source is not None]
    assert lines
    assert {*lines} == {line}
    del views


@pytest.mark.usefixtures("tracing")
def test_threads(heap):
    def work():
        for _ in range(300):
            with heap.alloc(64):
                heap.alloc(10)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert traced() == (0, 0)
    heap.check()
