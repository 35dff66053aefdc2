"""`wait(name, newer=)`: what counts is the publication, whatever block it shows."""

import threading

import numpy as np
import pytest
from processes import SECONDS, Child, assert_nothing_left

import rheap


@pytest.fixture
def heap():
    with rheap.SharedHeap("1 MiB") as heap:
        yield heap
        for name in list(heap):
            del heap[name]
        assert_nothing_left(heap)


def is_newer(heap, name, than):
    """Whether there is something newer now."""
    try:
        heap.wait(name, 0, newer=than)
    except TimeoutError:
        return False
    return True


def test_slots_of_one_block_are_publications_of_their_own(heap):
    ring = heap.array((4, 100), "u1", zero=True)
    heap["front"] = ring[0]
    seen = heap["front"]
    assert not is_newer(heap, "front", seen)
    ring[1] = 7
    heap["front"] = ring[1]
    newer = heap.wait("front", 0, newer=seen)
    assert newer[0] == 7
    assert not is_newer(heap, "front", newer)


def test_a_reader_sees_each_slot_of_a_ring_in_another_process(heap):
    ring = heap.array((3, 10), "i4", zero=True)
    heap["slot"] = ring[0]

    def read(pipe):
        seen = heap["slot"]
        pipe.send(int(seen[0]))
        for _ in range(6):
            seen = heap.wait("slot", SECONDS, newer=seen)
            pipe.send(int(seen[0]))

    with Child(read) as child:
        assert child.receive() == 0
        for number in range(1, 7):
            ring[number % 3] = number
            heap["slot"] = ring[number % 3]
            assert child.receive() == number
    heap.reap()


def test_the_same_array_published_again_is_newer(heap):
    array = heap.zeros(3)
    heap["a"] = array
    seen = heap["a"]
    assert not is_newer(heap, "a", seen)
    heap["a"] = array
    assert is_newer(heap, "a", seen)


def test_who_published_waits_for_what_others_publish(heap):
    array = heap.zeros(3)
    heap["a"] = array
    assert not is_newer(heap, "a", array)
    assert not is_newer(heap, "a", array[1:])
    heap["a"] = array
    assert not is_newer(heap, "a", array)
    heap["a"] = heap.zeros(3)
    assert is_newer(heap, "a", array)


def test_what_was_looked_up_stays_that_when_it_is_published_under_another_name(heap):
    heap["in"] = heap.zeros(3)
    seen = heap["in"]
    heap["out"] = seen
    assert not is_newer(heap, "in", seen)
    assert not is_newer(heap, "out", seen)
    heap["in"] = heap.zeros(3)
    assert is_newer(heap, "in", seen)


def test_any_view_of_what_was_looked_up_stands_for_it(heap):
    heap["a"] = heap.zeros((4, 4))
    seen = heap["a"]
    for view in (seen[1:], seen.T, seen.reshape(-1), memoryview(seen), seen.view("u1")):
        assert not is_newer(heap, "a", view)


def test_blocks_are_publications_as_arrays_are(heap):
    heap["a"] = heap.alloc(10)
    seen = heap["a"]
    assert not is_newer(heap, "a", seen)
    assert not is_newer(heap, "a", seen.view())
    heap["a"] = seen
    assert not is_newer(heap, "a", seen)
    heap["a"] = heap.alloc(10)
    assert is_newer(heap, "a", seen)


def test_an_array_of_another_heap_is_never_the_same(heap):
    with rheap.SharedHeap("1 MiB") as other:
        heap["a"] = heap.zeros(10)
        other["a"] = other.zeros(10)
        assert heap["a"].nbytes == other["a"].nbytes
        assert is_newer(heap, "a", other["a"])
        assert is_newer(heap, "a", rheap.Heap("1 MiB").zeros(10))


def test_an_array_that_was_copied_in_is_not_what_was_published(heap):
    array = np.arange(3)
    heap["a"] = array
    assert is_newer(heap, "a", array)
    assert not is_newer(heap, "a", heap["a"])


def test_what_a_ticket_brought_is_no_publication(heap):
    array = heap.zeros(3)
    heap["a"] = array
    assert is_newer(heap, "a", heap.redeem(heap.ticket(array)))


def test_a_name_that_was_taken_out_and_came_back_is_newer(heap):
    array = heap.zeros(3)
    heap["a"] = array
    seen = heap["a"]
    del heap["a"]
    with pytest.raises(TimeoutError):
        heap.wait("a", 0.01, newer=seen)
    heap["a"] = array
    assert is_newer(heap, "a", seen)


def test_every_waiter_gets_what_is_new(heap):
    heap["a"] = heap.zeros(3)
    seen, found = heap["a"], []
    waiting = [
        threading.Thread(target=lambda: found.append(heap.wait("a", SECONDS, newer=seen)[0]))
        for _ in range(4)
    ]
    for thread in waiting:
        thread.start()
    heap["a"] = heap.full(3, 5.0)
    for thread in waiting:
        thread.join(SECONDS)
    assert found == [5.0] * 4


@pytest.mark.parametrize("newer", [5, "a", b"bytes", object()])
def test_what_is_no_array_is_refused(heap, newer):
    heap["a"] = heap.zeros(3)
    with pytest.raises(TypeError, match="newer must be an array or a Block"):
        heap.wait("a", 0, newer=newer)


def test_a_block_that_was_freed_is_never_the_same(heap):
    heap["a"] = heap.alloc(3)
    seen = heap["a"]
    seen.free()
    assert is_newer(heap, "a", seen)


@pytest.mark.parametrize(
    ("timeout", "error", "words"),
    [
        (float("nan"), ValueError, "timeout must be 0 or more seconds, not nan"),
        (-1, ValueError, "timeout must be 0 or more seconds, not -1"),
        (float("-inf"), ValueError, "timeout must be 0 or more seconds, not -inf"),
        ("5", TypeError, "timeout must be a number of seconds, not str"),
        (True, TypeError, "timeout must be a number of seconds, not bool"),
    ],
)
def test_timeouts_that_make_no_sense(heap, timeout, error, words):
    with pytest.raises(error, match=words):
        heap.wait("a", timeout)
    with pytest.raises(error, match=words):
        rheap.SharedHeap.attach("nobody has this name", timeout=timeout)


def test_an_endless_timeout(heap):
    heap["a"] = heap.zeros(3)
    assert heap.wait("a", float("inf")).tolist() == [0] * 3
