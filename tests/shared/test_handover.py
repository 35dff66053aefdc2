"""Arrays and Blocks that another process gets: the same memory, as it lies."""

import multiprocessing
import os
import socket

import numpy as np
import pytest
from processes import Child, assert_nothing_left
from shared_workers import facts_of

import rheap


@pytest.fixture(scope="module")
def heap():
    with rheap.SharedHeap("1 MiB") as heap:
        yield heap
        assert_nothing_left(heap)


@pytest.fixture
def own():
    """A heap of which no other process knows."""
    with rheap.SharedHeap("1 MiB") as heap:
        yield heap
        assert_nothing_left(heap)


@pytest.fixture(scope="module")
def other(heap):
    """A process that says what it got, and empties what it may write."""

    def work(pipe):
        while (array := pipe.recv()) is not None:
            pipe.send(facts_of(array))
            if array.flags.writeable:
                array.fill(np.zeros((), array.dtype))
                pipe.send(array.tobytes())
            del array

    with Child(work) as child:
        yield child
        child.send(None)


def assert_the_same_there(other, array):
    here = facts_of(array)
    before = array.tobytes()
    other.send(array)
    assert other.receive() == here
    if array.flags.writeable:
        after = other.receive()
        assert after != before or array.nbytes == 0
        assert array.tobytes() == after
    else:
        assert facts_of(array) == here


DTYPES = [
    *("?", "i1", "u2", "i8", "f2", "f4", "f8", "g", "c8", "c16"),
    *(">i4", ">f8", ">c8", "<u8"),
    *("S5", "U7", ">U3", "V3", "M8[ns]", "M8[25s]", ">m8[D]", "M8"),
    [("a", "i4"), ("b", ">f8", (2, 3)), ("c", "S3")],
    [("outer", [("x", "u1"), ("y", "M8[s]")]), ("flag", "?")],
    np.dtype([("small", "u1"), ("large", "f8")], align=True),
    np.dtype({"names": ["late"], "formats": ["<i2"], "offsets": [6], "itemsize": 12}),
    np.dtype([(("a title", "name"), "i4")]),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_arrives(heap, other, dtype):
    array = heap.array((3, 4), dtype)
    array.view("u1")[:] = 0x41  # a letter; a number that is not 0
    assert_the_same_there(other, array)


def read_only(array):
    array.flags.writeable = False
    return array


LAYOUTS = {
    "whole": lambda array: array,
    "a row": lambda array: array[2],
    "a column": lambda array: array[:, 3],
    "every second": lambda array: array[::2, 1::2],
    "backwards": lambda array: array[::-1, ::-1],
    "transposed": lambda array: array.T,
    "backwards and transposed": lambda array: array.T[::-2],
    "without dimensions": lambda array: array[1, 2:3].reshape(()),
    "empty": lambda array: array[:0],
    "empty at the end": lambda array: array[4:, 6:],
    "empty in the middle": lambda array: array[:, 3:3],
    "more dimensions": lambda array: array[:, None, :, None],
    "64 dimensions": lambda array: array.reshape((1,) * 30 + (24,)),
    "other items": lambda array: array.view("u1")[:, 3:20],
    "unaligned items": lambda array: array.reshape(-1).view("u1")[1:17].view("f8"),
    "a part of complex numbers": lambda array: array.view("c16").imag,
    "the diagonal": lambda array: array.diagonal(),
    "read-only": lambda array: read_only(array.view()),
    "read-only rows": lambda array: read_only(array[1:3]),
    "one item often": lambda array: np.broadcast_to(array[0, :1], (5, 7)),
    "overlapping": lambda array: np.lib.stride_tricks.sliding_window_view(array[0], 3),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_arrives(heap, other, layout):
    array = heap.array((4, 6), "f8")
    array[:] = np.arange(1.0, 25).reshape(4, 6)
    assert_the_same_there(other, LAYOUTS[layout](array))


def test_an_empty_array_and_one_of_items_without_bytes_arrive(heap, other):
    assert_the_same_there(other, heap.array(0))
    assert_the_same_there(other, heap.array((2, 0, 3), "i2"))
    assert_the_same_there(other, heap.array(5, "S0"))


def test_arrays_over_what_numpy_makes_of_a_block_arrive_too(heap, other):
    block = heap.alloc(80)
    block[:] = bytes(range(80))
    other.send(np.frombuffer(block, "<u4")[::-1])
    layout, _, content = other.receive()
    assert (layout[0], content[:4]) == ((20,), bytes(range(76, 80)))
    assert other.receive() == bytes(80)
    assert block[:] == bytes(80)


@pytest.mark.parametrize("of", ["queue", "pipe", "simple queue"])
def test_nothing_is_copied(heap, of):
    context = multiprocessing.get_context("fork")
    if of == "pipe":
        theirs, mine = context.Pipe(duplex=False)
        put, get = mine.send, theirs.recv
    else:
        queue = context.Queue() if of == "queue" else context.SimpleQueue()
        put, get = queue.put, queue.get

    def work(pipe):
        array, block = get()
        pipe.send((array.tolist(), block[:]))
        pipe.recv()
        pipe.send((array.tolist(), block[:]))
        array[0] = 7
        block[0] = 8

    with Child(work) as child:
        array, block = heap.array(3, "i2", zero=True), heap.alloc(2, zero=True)
        put((array, block))
        assert child.receive() == ([0, 0, 0], b"\0\0")
        array[1] = block[1] = 5
        child.send("look again")
        assert child.receive() == ([0, 5, 0], b"\0\5")
        child.end()
        assert (array.tolist(), block[:]) == ([7, 5, 0], b"\x08\5")
    if of == "queue":
        queue.close()
        queue.join_thread()


# --- over anything that carries bytes -------------------------------------------------------------


def test_a_dtype_of_very_many_fields_arrives(heap):
    dtype = np.dtype([(f"a field whose name is number {number}", "i4") for number in range(3000)])
    assert len(str(dtype.descr)) > 65_535
    array = heap.array(2, dtype)
    array["a field whose name is number 2999"] = 7
    got = heap.redeem(heap.ticket(array))
    assert got.dtype == dtype
    assert got[1]["a field whose name is number 2999"] == 7
    heap["many"] = array
    assert heap["many"].dtype == dtype
    del heap["many"]


def test_tickets_go_through_pipes_and_sockets(heap):
    read_end, write_end = os.pipe()
    mine, theirs = socket.socketpair()

    def work(pipe):
        array = heap.redeem(os.read(read_end, 1000))
        block = heap.redeem(theirs.recv(1000))
        array += 1
        block[:] = b"written there"

    array, block = heap.array(5, "u1", zero=True), heap.alloc(13)
    with Child(work) as child, mine, theirs:
        os.write(write_end, heap.ticket(array))
        mine.send(heap.ticket(block))
        child.end()
    assert array.tolist() == [1] * 5
    assert block[:] == b"written there"
    os.close(read_end)
    os.close(write_end)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_ticket_may_come_as_any_bytes(heap, kind):
    array = heap.array(5, "u1")
    block = heap.alloc(3)
    assert heap.redeem(kind(heap.ticket(array))).shape == (5,)
    assert heap.redeem(kind(heap.ticket(block))).size == 3


def test_a_ticket_has_the_block_until_it_is_redeemed(own):
    heap = own
    array = heap.array(1000)
    array[:] = range(1000)
    ticket = heap.ticket(array[::-1])
    assert len(ticket) < 100
    del array
    assert heap.stats().live_blocks == 1
    array = heap.redeem(ticket)
    assert array.tolist() == list(range(999, -1, -1))
    assert heap.tickets() == []
    del array
    assert heap.stats().live_blocks == 0


def test_redeemed_once_more_it_works_while_anybody_has_the_block(heap):
    array = heap.array(4, "i2", zero=True)
    ticket = heap.ticket(array)
    first, second = heap.redeem(ticket), heap.redeem(ticket)
    second[1] = 3
    del array, first
    third = heap.redeem(ticket)
    assert third.tolist() == [0, 3, 0, 0]
    del second, third
    with pytest.raises(rheap.BlockGone):
        heap.redeem(ticket)
    assert heap.alloc(8).size == 8  # perhaps there
    with pytest.raises(rheap.BlockGone):
        heap.redeem(ticket)


def test_a_ticket_of_another_heap_is_gone(heap):
    with rheap.SharedHeap("1 MiB") as another:
        array = another.array(4)
        for what in (array, another.alloc(8)):
            with pytest.raises(rheap.BlockGone):
                heap.redeem(another.ticket(what))


def test_a_ticket_is_for_what_lies_in_this_heap(heap):
    with rheap.SharedHeap("1 MiB") as another, rheap.Heap("1 MiB") as private:
        foreign = (another.array(4), another.alloc(8), private.array(4), private.alloc(8))
        for what in (*foreign, np.zeros(4), np.zeros(4)[::2], 5, "text", None):
            with pytest.raises(rheap.ForeignBlock):
                heap.ticket(what)


def test_a_ticket_is_not_for_what_was_freed(heap):
    block = heap.alloc(8)
    block.free()
    with pytest.raises(rheap.BlockFreed):
        heap.ticket(block)


def test_an_array_of_a_closed_block_can_be_sent(heap, other):
    with heap.alloc(3) as block:
        block[:] = b"abc"
        array = np.frombuffer(block.view(), "u1")
    other.send(array)
    assert other.receive()[2] == b"abc"
    assert other.receive() == bytes(3)
    assert array.tolist() == [0, 0, 0]


@pytest.mark.parametrize("ticket", [b"", b"x", b"x" * 31, b"x" * 33, b"x" * 500], ids=len)
def test_what_is_no_ticket_is_a_value_error(heap, ticket):
    with pytest.raises(ValueError, match=f"these {len(ticket)} bytes are no ticket"):
        heap.redeem(ticket)


@pytest.mark.parametrize("ticket", [None, 5, "text", [1]])
def test_what_is_no_bytes_is_a_type_error(heap, ticket):
    with pytest.raises(TypeError):
        heap.redeem(ticket)


def test_a_class_derived_from_ndarray_arrives_as_an_array_by_ticket(heap):
    array = heap.array(4, "i4", zero=True).view(np.recarray)
    again = heap.redeem(heap.ticket(array))
    again[0] = 5
    assert array[0] == 5
