"""A Pin is what every view of a block holds; while one lives the block stays where it is."""

import pickle

import pytest
from support import expose

import rheap


def test_a_views_object_is_a_pin_of_the_block(heap):
    block = heap.alloc(8)
    pin = memoryview(block).obj
    assert type(pin) is rheap.Pin
    assert pin.block is block


def test_each_request_has_a_pin_of_its_own(heap):
    block = heap.alloc(8)
    first, second = memoryview(block), memoryview(block)
    assert first.obj is not second.obj


def test_views_of_a_view_share_its_pin(heap):
    view = memoryview(heap.alloc(8))
    assert memoryview(view).obj is view.obj
    assert view[2:4].obj is view.obj
    assert view.cast("I").obj is view.obj


def test_a_pin_exports_the_blocks_bytes(heap):
    block = heap.alloc(8)
    again = memoryview(memoryview(block).obj)
    again[:] = b"through!"
    assert block[:] == b"through!"
    assert again.nbytes == 8
    assert not again.readonly


def test_a_pin_exports_itself_again_as_itself(heap):
    pin = memoryview(heap.alloc(8)).obj
    assert memoryview(pin).obj is pin


def test_a_pin_exports_also_after_the_block_was_closed(heap, fill_rest):
    with heap.alloc(8) as block:
        block[:] = b"surviving"[:8]
        buffer = pickle.PickleBuffer(block)
    fill_rest(heap, 0xEE)
    assert bytes(buffer.raw()) == b"survivin"


def test_a_bare_pin_keeps_the_memory_of_a_closed_block(heap, fill_rest):
    with heap.alloc(8) as block:
        block[:] = b"by a pin"
        pin = memoryview(block).obj
    del block
    fill_rest(heap, 0xEE)
    assert bytes(pin) == b"by a pin"
    assert pin.block.freed
    del pin
    assert heap.stats().live_blocks == 0


def test_pinned_follows_the_views(heap):
    block = heap.alloc(8)
    assert block.pinned is False
    first = memoryview(block)
    second = memoryview(block)
    first.release()
    assert block.pinned is True
    second.release()
    assert block.pinned is False


def test_a_view_of_a_view_pins_when_the_outer_is_gone(heap):
    block = heap.alloc(16)
    part = memoryview(memoryview(block)[4:12])[2:4]
    assert block.pinned
    with pytest.raises(rheap.BlockPinned):
        block.free()
    part.release()
    assert not block.pinned


def test_a_released_view_whose_pin_is_held_still_pins(heap):
    block = heap.alloc(8)
    view = memoryview(block)
    pin = view.obj
    view.release()
    assert block.pinned
    del pin
    assert not block.pinned


# --- what a pinned block refuses ----------------------------------------------------------------


@pytest.mark.parametrize("verb", ["free", "resize", "heap.free"])
def test_a_pinned_block_stays(heap, verb):
    block = heap.alloc(64)
    block[:] = b"p" * 64
    call = {
        "free": block.free,
        "resize": lambda: block.resize(128),
        "heap.free": lambda: heap.free(block),
    }[verb]
    views = [block.view(), block.view()]
    with pytest.raises(rheap.BlockPinned, match="at least 2 holders still see it") as caught:
        call()
    assert (caught.value.offset, caught.value.holders) == (block.offset, 2)
    assert caught.value.verb == verb.removeprefix("heap.")
    assert f"cannot {caught.value.verb} block at +0x{block.offset:x}" in str(caught.value)
    assert "release the memoryview or delete the array first" in str(caught.value)
    views.pop()
    with pytest.raises(rheap.BlockPinned, match="at least 1 holder still sees it"):
        call()
    assert not block.freed
    assert block[:] == bytes(views.pop()) == b"p" * 64
    call()


@pytest.mark.parametrize("closing", ["block.free", "heap.free"])
def test_a_refused_free_changes_nothing(heap, closing):
    block = heap.alloc(8)
    block[:] = b"unharmed"
    view = memoryview(block)
    before = heap.stats(), list(heap.blocks())
    with pytest.raises(BufferError):
        block.free() if closing == "block.free" else heap.free(block)
    assert (heap.stats(), list(heap.blocks())) == before
    assert not block.freed
    assert block[:] == b"unharmed"
    assert bytes(view) == b"unharmed"
    view.release()
    block.free()
    assert block.freed


# --- what a block whose address is known refuses ------------------------------------------------


@pytest.mark.parametrize("tell", [lambda block: block.address, expose])
def test_an_exposed_block_is_not_resized_while_something_refers_to_it(heap, tell):
    block = heap.alloc(64)
    tell(block)
    kept = [block]
    with pytest.raises(rheap.BlockPinned, match=r"it is exposed.*block\.view\(\)") as caught:
        block.resize(128)
    assert caught.value.holders == 0
    assert not block.pinned
    assert block.size == 64
    del kept
    block.resize(128)
    assert block.size == 128


def test_an_address_that_was_read_does_not_delay_the_free(heap):
    block = heap.alloc(8)
    assert block.address > 0
    block.free()
    assert heap.stats().live_blocks == 0


def test_offset_does_not_make_a_block_immovable(heap):
    block = heap.alloc(8)
    assert block.offset > 0
    block.resize(16)
    assert len(block) == 16


def test_pinned_and_exposed_are_told_apart_in_the_statistics(heap):
    pinned, exposed, live = heap.alloc(8), heap.alloc(16), heap.alloc(24)
    view = memoryview(pinned)
    b"".join([exposed])
    states = [info.state.value for info in heap.blocks()]
    assert states == ["pinned", "exposed", "live"]
    stats = heap.stats()
    assert (stats.pinned_blocks, stats.pinned_bytes) == (1, pinned.capacity)
    assert (stats.exposed_blocks, stats.exposed_bytes) == (1, exposed.capacity)
    assert stats.live_blocks == 3
    del view, live
