"""Why the memory of a closed block is still there: seen by views, or exposed and referred to."""

import re
import sys
import warnings

import pytest
from support import SIZE, expose

import rheap

WAITING = "exposed, waiting for the last reference"


class Owner:
    """Keeps its block in an attribute, which is no name of the function that closes it."""

    def __init__(self, heap):
        self.block = heap.alloc(SIZE)
        expose(self.block)


def lingering(heap):
    (info,) = (info for info in heap.blocks() if info.state == "lingering")
    return info


def test_a_view_is_a_reason(heap):
    with heap.alloc(SIZE) as block:
        views = [block.view(), block.view()]
    assert lingering(heap).reason == "seen by 2 views"
    assert "lingering: seen by 2 views" in repr(block)
    del views[0]
    assert lingering(heap).reason == "seen by 1 view"
    assert "lingering: seen by 1 view>" in repr(block)
    assert heap.stats().waiting_blocks == 0


def test_a_reference_to_an_exposed_block_is_a_reason(heap):
    owner = Owner(heap)
    owner.block.free()
    assert lingering(heap).reason == WAITING
    assert f"lingering: {WAITING}>" in repr(owner.block)
    stats = heap.stats()
    assert (stats.lingering_blocks, stats.waiting_blocks) == (1, 1)
    assert stats.waiting_bytes == stats.lingering_bytes == SIZE
    owner.block = None
    assert heap.stats().waiting_blocks == heap.stats().live_blocks == 0


def test_leaks_tell_the_two_apart(heap):
    owner = Owner(heap)
    owner.block.free()
    with heap.alloc(SIZE) as block:
        view = block.view()
    (holder,) = heap.leaks()
    assert (holder.lingering, holder.waiting) == (2, 1)
    assert f"2 lingering (1 seen by views; 1 {WAITING})" in str(heap.leaks())
    del view


def test_the_map_tells_the_two_apart(heap):
    owner = Owner(heap)
    owner.block.free()
    words = heap.map().draw(400)
    assert f"({SIZE} B lingering, of which {SIZE} B exposed: they wait for the last ref" in words
    assert WAITING in heap.map()._repr_html_()


def test_only_blocks_that_stay_for_somebody_have_a_reason(heap):
    kept = [heap.alloc(SIZE), heap.alloc(SIZE)]
    expose(kept[0])
    kept[1].free()
    assert [info.reason for info in heap.blocks()] == [None, None]
    view = kept[0].view()
    assert [info.reason for info in heap.blocks()] == ["seen by 1 view", None]
    del view


def test_a_debug_heap_warns_once_for_each_line_and_names_the_way_out():
    heap = rheap.Heap("1 MiB", debug=True)
    owners = [Owner(heap) for _ in range(3)]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for owner in owners:
            owner.block.free()
        line = sys._getframe().f_lineno - 1
    assert [(warning.filename, warning.lineno) for warning in seen] == [(__file__, line)]
    words = str(seen[0].message)
    assert re.search(r"allocated at \S*test_lingering.py:\d+ Owner.__init__ was closed, but", words)
    assert "block.view()" in words


@pytest.mark.parametrize("closing", ["free", "heap.free", "with", "r_free"])
def test_a_heap_without_debug_lingers_in_silence(closing, monkeypatch):
    heap = rheap.Heap("1 MiB")
    monkeypatch.setattr("rheap.default._heap", heap)
    owner = Owner(heap)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if closing == "free":
            owner.block.free()
        elif closing == "heap.free":
            heap.free(owner.block)
        elif closing == "r_free":
            rheap.r_free(owner.block)
        else:
            with owner.block:
                pass
    assert owner.block.freed
    assert heap.stats().waiting_blocks == 1
