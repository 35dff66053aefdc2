"""The exposure rule by the form of the `with`: nothing dangles, and nothing waits without need."""

import asyncio

import pytest
from support import (
    SIZE,
    array_of,
    expose,
    live,
)


def test_exposed_in_with_as(heap, assert_intact):
    with heap.alloc(SIZE) as block:
        array = array_of(block)
    assert_intact(heap, array)


def test_exposed_in_with_as_returns_at_once_when_nothing_kept_it(heap):
    with heap.alloc(SIZE) as block:
        expose(block)
    assert block.freed
    assert live(heap) == (0, 0)


def test_exposed_in_with_without_as(heap, assert_intact):
    block = heap.alloc(SIZE)
    with block:
        array = array_of(block)
    assert_intact(heap, array)


def test_exposed_in_with_without_as_returns_at_once_when_nothing_kept_it(heap):
    block = heap.alloc(SIZE)
    with block:
        expose(block)
    assert live(heap) == (0, 0)


def test_exposed_in_with_of_a_list_item(heap, assert_intact):
    blocks = [heap.alloc(SIZE)]
    with blocks[0]:
        array = array_of(blocks[0])
    blocks.clear()
    assert_intact(heap, array)


def test_exposed_in_with_left_by_an_exception(heap, assert_intact):
    with pytest.raises(LookupError), heap.alloc(SIZE) as block:
        array = array_of(block)
        raise LookupError
    del block
    assert_intact(heap, array)


def test_exposed_in_with_left_by_an_exception_returns_at_once(heap):
    try:
        with heap.alloc(SIZE) as block:
            expose(block)
            raise LookupError
    except LookupError:
        assert block.freed
        assert live(heap) == (0, 0)


@pytest.mark.parametrize("leave", ["return", "break", "continue"])
def test_exposed_in_with_left_by_a_jump(heap, leave, assert_intact):
    def jump():
        for _ in range(1):
            with heap.alloc(SIZE) as block:
                array = array_of(block)
                if leave == "return":
                    return array
                if leave == "break":
                    break
                continue
        return array

    assert_intact(heap, jump())


def test_exposed_in_a_coroutine(heap, assert_intact):
    async def use():
        with heap.alloc(SIZE) as block:
            array = array_of(block)
            await asyncio.sleep(0)
        return array

    assert_intact(heap, asyncio.run(use()))


def test_exposed_in_a_coroutine_returns_at_once_when_nothing_kept_it(heap):
    async def use():
        with heap.alloc(SIZE) as block:
            await asyncio.sleep(0)
            expose(block)
        return live(heap)

    assert asyncio.run(use()) == (0, 0)


def test_exposed_in_a_generator_that_is_dropped(heap, assert_intact):
    def arrays():
        with heap.alloc(SIZE) as block:
            yield array_of(block)

    generator = arrays()
    array = next(generator)
    del generator
    assert_intact(heap, array)
    del array
    assert live(heap) == (0, 0)


def test_exposed_at_module_level(heap, assert_intact):
    names = {"heap": heap, "array_of": array_of, "SIZE": SIZE}
    exec("with heap.alloc(SIZE) as block: array = array_of(block)", names)
    del names["block"]
    assert_intact(heap, names["array"])


def test_exposed_in_a_closure(heap, assert_intact):
    with heap.alloc(SIZE) as block:
        array = (lambda: array_of(block))()
    assert_intact(heap, array)


def test_exposed_of_a_block_in_a_list(heap):
    with heap.alloc(SIZE) as block:
        expose(block)
        others = [block]
    # What else refers to it may be an array, for all that the heap knows.
    assert live(heap) == (1, 1)
    del block
    others.clear()
    assert live(heap) == (0, 0)


def test_exposed_to_an_attribute(heap, assert_intact):
    class Holder:
        block = None

    holder = Holder()
    with heap.alloc(SIZE) as holder.block:
        array = array_of(holder.block)
    del holder
    assert_intact(heap, array)


def test_exposed_under_an_attribute_waits_for_it(heap):
    class Holder:
        block = None

    holder = Holder()
    with heap.alloc(SIZE) as holder.block:
        expose(holder.block)
    # A consumer written in Python keeps the block in an attribute, too.
    assert live(heap) == (1, 1)
    del holder
    assert live(heap) == (0, 0)


def test_exposed_to_a_target_that_keeps_only_an_array(heap, assert_intact):
    class Holder:
        def __setattr__(self, name, block):
            object.__setattr__(self, name, array_of(block))

    holder = Holder()
    with heap.alloc(SIZE) as holder.array:
        pass
    assert_intact(heap, holder.array)
