"""`block.view`: a memoryview of a format and a shape."""

import pytest
from support import BYTES


def test_a_view_is_writable_bytes(block):
    view = block.view()
    assert (view.format, view.shape, view.itemsize, view.readonly) == ("B", (16,), 1, False)
    view[0] = 99
    assert block[0] == 99


def test_a_view_of_a_format_is_of_its_items(block):
    view = block.view("I")
    assert (view.format, view.shape, view.itemsize) == ("I", (4,), 4)
    view[1] = 0x01010101
    assert block[4:8] == b"\x01" * 4


def test_a_view_of_a_shape_has_it(block):
    view = block.view("H", shape=(2, 4))
    assert (view.shape, view.ndim, view.nbytes) == ((2, 4), 2, 16)
    view[1, 0] = 0
    assert block[8:10] == b"\x00\x00"


def test_a_view_of_a_smaller_shape_is_of_the_first_bytes(block):
    view = block.view("B", (2, 3))
    assert view.tobytes() == BYTES[:6]


def test_a_view_of_a_shape_alone_is_of_bytes(block):
    assert block.view(shape=(4, 4)).format == "B"


def test_a_view_pins(block):
    view = block.view("I", (2, 2))
    assert block.pinned
    view.release()
    assert not block.pinned


@pytest.mark.parametrize(
    ("format_", "shape", "error", "match"),
    [
        ("I", (5,), ValueError, "needs 20 bytes, the block has 16"),
        ("B", (-1,), ValueError, "must not be negative"),
        ("B", (-1, -16), ValueError, "must not be negative"),
        ("B", (2**40, 2**40), OverflowError, None),
        ("zz", None, ValueError, "format"),
        ("zz", (1,), ValueError, "format"),
        (5, None, TypeError, None),
        ("B", 16, TypeError, None),
        ("B", (1.5,), TypeError, None),
    ],
)
def test_a_view_that_makes_no_sense_is_refused(block, format_, shape, error, match):
    with pytest.raises(error, match=match):
        block.view(format_, shape)
    assert not block.pinned


def test_a_view_of_a_format_that_does_not_divide_the_block_is_refused(heap):
    block = heap.alloc(13)
    with pytest.raises(TypeError, match="multiple of itemsize"):
        block.view("I")
    assert not block.pinned


def test_wrong_arguments_of_view_are_refused(block):
    with pytest.raises(TypeError, match="format"):
        block.view("B", format="B")
    with pytest.raises(TypeError, match="colour"):
        block.view(colour="B")
    assert not block.pinned
