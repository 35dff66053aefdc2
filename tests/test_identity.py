"""Weak references, comparison, and what cannot be copied."""

import copy
import pickle
import weakref

import pytest
from support import (
    SIZE,
    hand_out,
    live,
)

import rheap


def test_a_weak_reference_dies_with_the_block(heap):
    block = heap.alloc(SIZE)
    died = []
    reference = weakref.ref(block, died.append)
    assert reference() is block
    block.free()
    assert reference() is block  # freed, not gone
    del block
    assert reference() is None
    assert died == [reference]


def test_a_weak_reference_does_not_keep_the_memory(heap):
    with heap.alloc(SIZE) as block:
        reference = weakref.ref(block)
        hand_out(block)
    assert live(heap) == (0, 0)
    assert reference() is block


def test_a_weak_reference_dies_with_the_heap():
    heap = rheap.Heap("1 MiB")
    reference = weakref.ref(heap)
    del heap
    assert reference() is None


def test_blocks_are_compared_and_hashed_by_identity(heap):
    one, two = heap.alloc(8, zero=True), heap.alloc(8, zero=True)
    assert one == one
    assert one != two
    assert one != bytes(8)
    assert len({one, two, one}) == 2
    before = hash(one)
    one.free()
    assert hash(one) == before


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_block_is_not_copied_or_pickled(heap, duplicate):
    with pytest.raises(TypeError, match=r"bytes\(block\) copies"):
        duplicate(heap.alloc(SIZE))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_heap_is_not_copied_or_pickled(heap, duplicate):
    with pytest.raises(TypeError, match=r"bytes\(block\) copies"):
        duplicate(heap)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_pin_is_not_copied_or_pickled(heap, duplicate):
    pin = memoryview(heap.alloc(8)).obj
    with pytest.raises(TypeError, match="cannot pickle"):
        duplicate(pin)


@pytest.mark.parametrize("kind", [rheap.Block, rheap.Pin])
def test_the_types_cannot_be_subclassed(kind):
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Sub", (kind,), {})


@pytest.mark.parametrize("kind", [rheap.Block, rheap.Pin])
def test_the_types_cannot_be_instantiated(kind):
    with pytest.raises(TypeError, match="cannot create"):
        kind()
    with pytest.raises(TypeError, match="not safe"):
        object.__new__(kind)
