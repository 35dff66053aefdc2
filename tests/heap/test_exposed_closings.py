"""The exposure rule at the other closings: helpers of contextlib, `free`, a direct `__exit__`."""

import asyncio
from contextlib import AsyncExitStack, ExitStack, contextmanager

import numpy as np
import pytest
from support import SIZE, array_of, expose, live

import rheap

# --- helpers of contextlib ----------------------------------------------------------------------


def test_exposed_in_an_exit_stack(heap, assert_intact):
    with ExitStack() as stack:
        block = stack.enter_context(heap.alloc(SIZE))
        array = array_of(block)
    del block
    assert_intact(heap, array)
    del array
    assert live(heap) == (0, 0)


def test_exposed_in_an_exit_stack_without_a_name(heap, assert_intact):
    with ExitStack() as stack:
        array = array_of(stack.enter_context(heap.alloc(SIZE)))
    assert_intact(heap, array)


def test_exposed_in_an_exit_stack_left_by_an_exception(heap, assert_intact):
    with pytest.raises(LookupError), ExitStack() as stack:
        array = array_of(stack.enter_context(heap.alloc(SIZE)))
        raise LookupError
    assert_intact(heap, array)


def test_exposed_in_an_async_exit_stack_without_a_name(heap, assert_intact):
    async def use():
        async with AsyncExitStack() as stack:
            return array_of(stack.enter_context(heap.alloc(SIZE)))

    assert_intact(heap, asyncio.run(use()))


def test_exposed_in_a_contextmanager(heap, assert_intact):
    @contextmanager
    def opened():
        with heap.alloc(SIZE) as block:
            yield block

    with opened() as block:
        array = array_of(block)
    del block
    assert_intact(heap, array)


def test_exposed_in_a_contextmanager_that_yields_the_array(heap, assert_intact):
    @contextmanager
    def opened():
        with heap.alloc(SIZE) as block:
            yield array_of(block)

    with opened() as array:
        pass
    assert_intact(heap, array)


def test_exposed_in_an_exit_stack_waits_for_the_block(heap):
    with ExitStack() as stack:
        block = stack.enter_context(heap.alloc(SIZE))
        expose(block)
    # Who called `__exit__` is not to be seen, so nor is how many references are its own.
    assert block.freed
    assert live(heap) == (1, 1)
    del block
    assert live(heap) == (0, 0)


def test_exposed_before_a_direct_exit_returns_at_once(heap):
    block = heap.alloc(SIZE)
    expose(block)
    block.__exit__(None, None, None)
    assert block.freed
    assert live(heap) == (0, 0)


# --- before closing -----------------------------------------------------------------------------


def test_exposed_before_the_with(heap, assert_intact):
    block = heap.alloc(SIZE)
    array = array_of(block)
    with block:
        pass
    del block
    assert_intact(heap, array)


def test_exposed_before_the_with_of_a_block_without_a_name(heap, assert_intact):
    with np.ndarray(SIZE, "u1", buffer=heap.alloc(SIZE)).base as block:
        array = array_of(block)
    del block
    assert_intact(heap, array)

    with array_of(heap.alloc(SIZE)).base:
        pass
    assert live(heap)[0] == 1  # only the array above


def test_exposed_before_the_with_by_an_array_alone(heap, assert_intact):
    array = array_of(heap.alloc(SIZE))
    with array.base:
        pass
    assert_intact(heap, array)


@pytest.mark.parametrize("by", ["block.free", "heap.free", "__exit__"])
def test_exposed_before_closing_through_the_array_alone(heap, by, assert_intact):
    array = array_of(heap.alloc(SIZE))
    if by == "block.free":
        array.base.free()
    elif by == "heap.free":
        heap.free(array.base)
    else:
        array.base.__exit__(None, None, None)
    assert_intact(heap, array)


@pytest.mark.parametrize("by", ["block.free", "heap.free", "r_free"])
@pytest.mark.usefixtures("no_default_heap")
def test_exposed_before_free(by, assert_intact):
    heap = rheap.init_heap("1 MiB")
    block = rheap.r_alloc(SIZE)
    array = array_of(block)
    {"block.free": rheap.Block.free, "heap.free": heap.free, "r_free": rheap.r_free}[by](block)
    assert block.freed
    del block
    assert_intact(heap, array)
    del array
    assert live(heap) == (0, 0)


def test_a_freed_block_that_was_exposed_returns_at_once(heap):
    block = heap.alloc(SIZE)
    expose(block)
    block.free()
    assert block.freed
    assert live(heap) == (0, 0)
