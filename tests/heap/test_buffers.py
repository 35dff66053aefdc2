"""`heap.buffer`: a memoryview of a new block, tracked exactly."""

import hashlib
import io
import socket
import struct

import numpy as np
import pytest
from support import SIZE, live

import rheap

KINDS = [
    pytest.param(lambda **options: rheap.Heap("1 MiB", **options), id="heap"),
    pytest.param(lambda **options: rheap.SharedHeap("1 MiB", **options), id="shared"),
]


@pytest.fixture(params=KINDS)
def make_heap(request):
    return request.param


@pytest.fixture
def any_heap(make_heap):
    with make_heap() as heap:
        yield heap


def hash_it(view):
    hashlib.sha256(view)


def read_into(view):
    io.BytesIO(b"x" * len(view)).readinto(view)


def receive_into(view):
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        right.recv_into(view)


def pack_into(view):
    struct.pack_into("I", view, 0, 7)


def join(view):
    b"".join([view, view])


def as_array(view):
    array = np.frombuffer(view, "u1")
    array[:] = 7
    assert bytes(view) == b"\7" * len(view)


def write_bare(view):
    np.ndarray(len(view), "u1", buffer=view)[:] = 1


READERS = [hash_it, read_into, receive_into, pack_into, join, as_array, write_bare]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("debug", [False, True])
def test_from_a_list_the_memory_returns_at_release(make_heap, reader, debug):
    heap = make_heap(debug=debug)
    views = [heap.buffer(SIZE) for _ in range(5)]
    for view in views:
        reader(view)
    assert live(heap) == (5, 0)
    for gone, view in enumerate(views, 1):
        view.release()
        assert live(heap) == (5 - gone, 0)
    heap.check()


@pytest.mark.parametrize("reader", READERS)
def test_the_memory_returns_with_the_last_view(any_heap, reader):
    view = any_heap.buffer(SIZE)
    reader(view)
    part = view[10:20].cast("H")
    del view
    assert live(any_heap) == (1, 0)
    del part
    assert live(any_heap) == (0, 0)


def test_with_returns_it(any_heap):
    with any_heap.buffer(SIZE) as view:
        hash_it(view)
    assert live(any_heap) == (0, 0)
    with pytest.raises(ValueError, match="released"):
        view[0]


def test_it_is_a_writable_memoryview_of_bytes(any_heap):
    view = any_heap.buffer(8, zero=True)
    assert type(view) is memoryview
    assert (view.format, view.nbytes, view.readonly, view.contiguous) == ("B", 8, False, True)
    view[:3] = b"abc"
    assert view == b"abc" + bytes(5)
    assert view.hex() == "616263" + "00" * 5
    assert view.tobytes() == bytes(view) == bytes([*view])
    assert view[1:3] == b"bc"
    assert view.cast("Q")[0] == 0x636261


def test_its_block_is_pinned_and_not_exposed(any_heap):
    view = any_heap.buffer(SIZE)
    read_into(view)
    block = view.obj.block
    assert block.pinned
    view.release()
    del view
    assert "live" in repr(block)
    keeper = [block]
    assert block.free() is True
    del keeper


@pytest.mark.parametrize(
    "consume", [lambda view: np.frombuffer(view, "u1"), lambda v: np.ndarray(SIZE, "u1", buffer=v)]
)
def test_release_takes_nothing_from_an_array_in_it(any_heap, consume):
    view = any_heap.buffer(SIZE)
    array = consume(view)
    array[:] = 7
    view.release()
    assert live(any_heap) == (1, 0)
    assert array.sum() == 7 * SIZE
    del array
    assert live(any_heap) == (0, 0)


@pytest.mark.parametrize("align", [8, 64, 4096, "4 KiB"])
def test_align_and_zero(any_heap, align):
    dirty = any_heap.buffer(8192)
    dirty[:] = b"\xff" * 8192
    dirty.release()
    view = any_heap.buffer(100, align=align, zero=True)
    number = 4096 if align == "4 KiB" else align
    assert view.obj.block.offset % number == 0
    assert view == bytes(100)


def test_sizes_are_those_of_alloc(any_heap):
    assert len(any_heap.buffer(0)) == 0
    assert len(any_heap.buffer(size="1 KiB")) == 1024
    assert live(any_heap) == (0, 0)
    wrong = {
        TypeError: [1.5, None, b"1", True],
        ValueError: [-1, "much"],
        OverflowError: [2**64],
        rheap.HeapExhausted: [2**62, "1 GiB"],
    }
    for error, sizes in wrong.items():
        for size in sizes:
            with pytest.raises(error):
                any_heap.buffer(size)
    assert live(any_heap) == (0, 0)


def test_wrong_arguments_name_the_call(heap):
    with pytest.raises(TypeError, match=r"buffer\(\) needs a size"):
        heap.buffer()
    with pytest.raises(TypeError, match=r"buffer\(\) takes at most 1 positional"):
        heap.buffer(1, 8)
    with pytest.raises(TypeError, match=r"buffer\(\) got an unexpected keyword argument 'shape'"):
        heap.buffer(1, shape=3)
    with pytest.raises(ValueError, match="align must be a power of two"):
        heap.buffer(1, align=3)


def test_a_closed_heap_gives_none_and_keeps_those_that_are_seen(make_heap):
    heap = make_heap()
    view = heap.buffer(SIZE)
    view[:3] = b"abc"
    heap.close()
    assert view[:3] == b"abc"
    with pytest.raises(rheap.HeapClosed, match="cannot allocate"):
        heap.buffer(1)
    view.release()


def test_a_debug_heap_knows_its_line(make_heap):
    heap = make_heap(debug=True)
    view = heap.buffer(SIZE)
    assert "test_buffers.py" in heap.leaks()[0].site
    del view


def test_it_stays_where_it_is_when_blocks_move(heap):
    before = [heap.alloc(1000) for _ in range(10)]
    view = heap.buffer(100)
    view[:] = b"v" * 100
    block, offset = view.obj.block, view.obj.block.offset
    del before[::2], block
    assert heap.compact().pinned_blocks == 1
    assert view.obj.block.offset == offset
    assert view == b"v" * 100
