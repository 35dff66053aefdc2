"""A block as a run of bytes: length, items, slices."""

from itertools import product

import pytest
from support import BYTES

import rheap

SLICES = [
    slice(start, stop, step)
    for start, stop, step in product(
        (None, -20, -16, -3, 0, 5, 15, 16, 20), (None, -20, -4, 0, 6, 16, 20), (None, 1, 3, -1, -5)
    )
]


def test_length_is_what_was_asked_for(heap):
    block = heap.alloc(13)
    assert (len(block), block.size, block.capacity) == (13, 13, 16)
    assert memoryview(block).nbytes == 13


def test_items_are_read_from_both_ends(block):
    assert [block[i] for i in range(-16, 16)] == list(BYTES + BYTES)


@pytest.mark.parametrize("index", [16, -17, 2**70, -(2**70)])
def test_an_index_out_of_range_is_refused(block, index):
    with pytest.raises(IndexError):
        block[index]
    with pytest.raises(IndexError):
        block[index] = 1
    assert block[:] == BYTES


@pytest.mark.parametrize("key", ["0", 1.0, None, (0, 1)])
def test_other_keys_are_refused(block, key):
    with pytest.raises(TypeError, match="integers or slices"):
        block[key]
    with pytest.raises(TypeError, match="integers or slices"):
        block[key] = b"x"


@pytest.mark.parametrize("key", SLICES, ids=str)
def test_slices_read_as_those_of_bytes(block, key):
    part = block[key]
    assert type(part) is bytes
    assert part == BYTES[key]


@pytest.mark.parametrize("key", SLICES, ids=str)
def test_slices_are_assigned_as_those_of_bytearray(block, key):
    model = bytearray(BYTES)
    value = bytes(range(200, 200 + len(model[key])))
    model[key] = value
    block[key] = value
    assert block[:] == model


def test_a_slice_is_a_copy(block):
    part = block[:]
    block[:] = bytes(16)
    assert part == BYTES


def test_an_item_is_assigned(block):
    block[0], block[-1] = 0, 255
    assert block[:] == b"\x00" + BYTES[1:-1] + b"\xff"


@pytest.mark.parametrize("value", [-1, 256, 2**70])
def test_an_item_must_be_a_byte(block, value):
    with pytest.raises(ValueError, match=r"range\(0, 256\)|int"):
        block[0] = value
    assert block[:] == BYTES


@pytest.mark.parametrize("value", [b"x", "x", 1.0, None])
def test_an_item_must_be_an_int(block, value):
    with pytest.raises(TypeError):
        block[0] = value
    assert block[:] == BYTES


@pytest.mark.parametrize("key", [slice(0, 5), slice(0, 10, 2), slice(5, 5), slice(9, 0, -2)])
def test_a_value_of_another_length_is_refused(block, key):
    with pytest.raises(ValueError, match="cannot assign 4 bytes"):
        block[key] = b"four"
    assert block[:] == BYTES


def test_a_step_of_zero_is_refused(block):
    with pytest.raises(ValueError, match="zero"):
        block[0:4:0]
    with pytest.raises(ValueError, match="zero"):
        block[0:4:0] = b""
    assert block[:] == BYTES


@pytest.mark.parametrize("value", ["text", 5, [1, 2, 3], None])
def test_a_value_without_a_buffer_is_refused(block, value):
    with pytest.raises(TypeError, match="bytes-like"):
        block[0:3] = value
    assert block[:] == BYTES


def test_a_value_that_is_not_contiguous_is_refused(block):
    with pytest.raises(ValueError, match="contiguous"):
        block[0:3] = memoryview(b"abcdef")[::2]
    with pytest.raises(ValueError, match="contiguous"):
        block[0:6:2] = memoryview(b"abcdef")[::2]
    assert block[:] == BYTES


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_contiguous_buffer_is_assigned(block, kind):
    block[4:8] = kind(b"four")
    assert block[:] == BYTES[:4] + b"four" + BYTES[8:]


def test_another_block_is_assigned(heap, block):
    other = heap.alloc(16)
    other[:] = block
    assert other[:] == BYTES
    assert not block.pinned


@pytest.mark.parametrize(("to", "source"), [(0, 4), (4, 0), (3, 3)])
def test_assignment_from_an_overlapping_view_of_its_own(block, to, source):
    model = bytearray(BYTES)
    model[to : to + 12] = BYTES[source : source + 12]
    block[to : to + 12] = memoryview(block)[source : source + 12]
    assert block[:] == model


def test_reversing_in_place_by_assignment_from_a_view_of_its_own(block):
    block[::-1] = memoryview(block)
    assert block[:] == BYTES[::-1]


def test_bytes_are_not_deleted(block):
    with pytest.raises(TypeError, match=r"cannot be deleted; use resize\(\)"):
        del block[0]
    with pytest.raises(TypeError, match=r"cannot be deleted; use resize\(\)"):
        del block[0:2]


def test_iteration_gives_the_bytes(block):
    assert list(block) == list(BYTES)
    assert list(reversed(block)) == list(BYTES[::-1])
    assert BYTES[3] in block
    assert 9 not in block


def test_iteration_of_a_block_that_is_freed_meanwhile_raises(block):
    items = iter(block)
    next(items)
    block.free()
    with pytest.raises(rheap.BlockFreed):
        next(items)


def test_bytes_of_a_block_is_a_copy(block):
    copy = bytes(block)
    block[:] = bytes(16)
    assert copy == BYTES


# --- the empty block ----------------------------------------------------------------------------


def test_an_empty_block_is_a_block_of_nothing(heap):
    block = heap.alloc(0)
    assert (len(block), block[:], list(block), bytes(block)) == (0, b"", [], b"")
    assert block.view("I").shape == (0,)
    block[:] = b""
    with pytest.raises(IndexError):
        block[0]
    assert heap.stats().live_blocks == 1


def test_an_empty_block_is_at_an_address_of_its_own(heap):
    one, two = heap.alloc(0), heap.alloc(0)
    assert 0 < one.address != two.address > 0
