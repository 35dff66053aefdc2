"""Weak references, comparison, and what cannot be copied."""

import copy
import inspect
import pickle
import weakref

import pytest
from support import (
    SIZE,
    expose,
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
        expose(block)
    assert live(heap) == (0, 0)
    assert reference() is block


def test_a_weak_reference_dies_with_the_heap():
    heap = rheap.Heap("1 MiB")
    reference = weakref.ref(heap)
    del heap
    assert reference() is None


def test_blocks_are_compared_with_each_other_and_hashed_by_identity(heap):
    one, two = heap.alloc(8, zero=True), heap.alloc(8, zero=True)
    assert one == one
    assert one != two
    assert len({one, two, one}) == 2
    assert [one, two].index(two) == 1  # and so `remove` takes out the one that is meant
    assert {one: 1, two: 2}[two] == 2
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


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_what_lies_where_is_not_copied_or_pickled(heap, duplicate):
    blocks = heap.map().blocks
    for thing, way in ((heap.map(), r"draw\(width\)"), (blocks, r"list\(blocks\)")):
        with pytest.raises(TypeError, match=f"cannot be copied or pickled: .*{way}"):
            duplicate(thing)
    assert pickle.loads(pickle.dumps(list(blocks))) == list(blocks)


@pytest.mark.parametrize("kind", [rheap.Block, rheap.Pin])
def test_the_types_cannot_be_subclassed(kind):
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Sub", (kind,), {})


@pytest.mark.parametrize("kind", [rheap.Block, rheap.Pin])
def test_the_types_cannot_be_instantiated(kind):
    with pytest.raises(TypeError, match="cannot create"):
        kind()
    with pytest.raises(TypeError, match=r"not safe|cannot create"):  # from 3.14 on the same words
        object.__new__(kind)


def test_the_methods_of_with_answer_as_methods_do():
    block = rheap.Heap("1 MiB").alloc(8)
    for name in ("__enter__", "__exit__"):
        method = getattr(block, name)
        assert method.__self__ is block
        assert method.__name__ == name
        assert method.__doc__ == getattr(rheap.Block, name).__doc__
        assert inspect.isroutine(getattr(rheap.Block, name))
    assert rheap.Block.__enter__(block) is block
    with pytest.raises(TypeError, match="takes 0 arguments, not 1"):
        block.__enter__(1)
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        block.__enter__(a=1)
    with pytest.raises(TypeError):
        rheap.Block.__enter__(7)
    with pytest.raises(TypeError, match="no method of 'int' objects"):
        getattr(type("int", (), {name: vars(rheap.Block)[name]})(), name)
    with pytest.raises(TypeError):
        type(block.__enter__)()
    leave = block.__exit__
    del block, method
    leave(None, None, None)
    assert leave.__self__.freed
