"""The directory of a shared heap: names that stand for arrays."""

import gc
import os
import threading
import time

import numpy as np
import pytest
from processes import SECONDS, Child, assert_nothing_left

import rheap
from rheap import directory


@pytest.fixture
def heap():
    with rheap.SharedHeap("4 MiB") as heap:
        yield heap
        for name in heap:
            del heap[name]
        assert_nothing_left(heap)


def filled(heap, number):
    array = heap.array((4, 5), "i4")
    array[:] = number
    return array


def test_what_is_published_is_found_without_a_copy(heap):
    array = filled(heap, 7)
    heap["front"] = array
    found = heap["front"]
    assert (found == 7).all()
    found[0, 0] = 1
    assert array[0, 0] == 1
    assert "front" in heap
    assert "back" not in heap
    assert 3 not in heap
    assert list(heap) == ["front"]
    assert len(heap) == 1


def test_a_name_keeps_its_array_until_it_has_another(heap):
    heap["front"] = filled(heap, 1)
    gc.collect()
    old = heap["front"]
    heap["front"] = filled(heap, 2)
    assert (heap["front"] == 2).all()
    assert (old == 1).all()
    del heap["front"]
    assert (old == 1).all()
    heap.check()
    with pytest.raises(KeyError):
        heap["front"]
    with pytest.raises(KeyError):
        del heap["front"]
    assert heap.get("front") is None
    assert heap.get("front", 3) == 3
    del old
    assert heap.stats().live_blocks == 0


def test_an_empty_directory_is_no_false_heap(heap):
    assert len(heap) == 0
    assert heap


ARRAYS = {
    "from elsewhere": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(12).reshape(3, 4)),
    "zero size": np.zeros((3, 0, 2), "f4"),
    "0-d": np.array(5),
    "structured": np.array([(1, 2.5, b"ab")], [("a", "u1"), ("b", "f8"), ("c", "S2")]),
    "strided": np.arange(20)[::3],
    "read-only": np.broadcast_to(np.arange(3), (2, 3)),
    "big endian": np.arange(4, dtype=">i4"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_others_are_copied_in_as_they_are(heap, kind):
    array = ARRAYS[kind]
    heap[kind] = array
    found = heap[kind]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.flags.f_contiguous == array.flags.f_contiguous or kind == "strided"
    assert found.flags.writeable == array.flags.writeable
    assert (found == array).all()
    assert not np.shares_memory(found, array)


def test_read_only_arrays_and_views_stay_so(heap):
    array = filled(heap, 3)
    array.flags.writeable = False
    heap["whole"] = array
    heap["part"] = array[1:, ::2]
    assert not heap["whole"].flags.writeable
    part = heap["part"]
    assert part.shape == (3, 3)
    assert part.strides == (20, 8)
    assert not part.flags.writeable


def test_blocks_too(heap):
    block = heap.alloc(5)
    block[:] = b"hello"
    heap["own"] = block
    with rheap.Heap("1 MiB") as private, private.alloc(3) as other:
        other[:] = b"abc"
        heap["copy"] = other
    assert heap["own"][:] == b"hello"
    assert heap["copy"][:] == b"abc"


@pytest.mark.parametrize("wrong", [3, b"bytes", None, [1, 2]])
def test_what_cannot_be_published(heap, wrong):
    with pytest.raises(TypeError):
        heap["x"] = wrong
    with pytest.raises(TypeError):
        heap["x"] = np.array([object()])
    with pytest.raises(TypeError, match="is a str"):
        heap[b"x"] = np.zeros(3)
    assert len(heap) == 0
    assert heap.tickets() == []


@pytest.mark.parametrize(
    "name", ["", "../x", "\0", "\n", "x" * 10_240, "ä", "\ud800", "\U0001f600", " "]
)
def test_names_are_kept_exactly(heap, name):
    heap[name] = np.arange(3)
    assert list(heap) == [name]
    assert name in heap
    del heap[name]


def test_many_names(heap):
    with rheap.SharedHeap("64 MiB") as large:
        shared = large.array(1)
        for number in range(20_000):
            large[f"name {number}"] = shared
        assert len(large) == 20_000
        assert sorted(large) == sorted(f"name {number}" for number in range(20_000))
        assert large["name 19999"].shape == (1,)
        for number in range(0, 20_000, 2):
            del large[f"name {number}"]
        assert len(large) == 10_000
        assert "name 1" in large
        assert "name 2" not in large
        large.check()


def test_iteration_sees_each_name_that_stays_exactly_once():
    with rheap.SharedHeap("16 MiB") as heap:
        array = heap.array(1)
        staying = [f"stays {number}" for number in range(1000)]
        for name in staying:
            heap[name] = array

        def work(pipe):
            number = 0
            while not pipe.poll():
                heap[f"goes {number}"] = array
                heap[f"stays {number % 1000}"] = array
                if number >= 500:
                    del heap[f"goes {number - 500}"]
                number += 1

        with Child(work) as child:
            for _ in range(200):
                seen = list(heap)
                assert len(set(seen)) == len(seen)
                assert set(staying) <= set(seen)
            child.send("end")
        heap.check()


def test_no_room_leaves_what_was_there(heap):
    heap["front"] = filled(heap, 1)
    with pytest.raises(rheap.HeapExhausted):
        heap["front"] = np.zeros(8 << 20, "u1")
    assert (heap["front"] == 1).all()
    assert heap.tickets() == []
    heap.check()


def test_no_record_for_a_name_leaves_no_ticket():
    with rheap.SharedHeap("1 MiB", objects=64) as heap:
        array = heap.array(3)
        for number in range(64):
            heap[str(number)] = array
        with pytest.raises(rheap.HeapExhausted) as caught:
            heap["one more"] = array
        assert caught.value.records == "names"
        assert heap.tickets() == []
        heap["5"] = array  # a name that is there needs none
        heap.check()


def test_another_process_reads_and_publishes(heap):
    heap["front"] = filled(heap, 1)

    def work(pipe):
        first = heap["front"]
        pipe.send(int(first.sum()))
        pipe.recv()
        pipe.send(int(heap["front"].sum()) + int(first.sum()))
        heap["back"] = filled(heap, 9)

    with Child(work) as child:
        assert child.receive() == 20
        heap["front"] = filled(heap, 2)
        child.send("look")
        assert child.receive() == 60
        assert (heap.wait("back", SECONDS) == 9).all()
    assert (heap["back"] == 9).all()  # its publisher is gone


@pytest.fixture
def _sleep_until_woken(monkeypatch):
    monkeypatch.setattr(directory, "_LONGEST_SLEEP", 3600.0)


@pytest.mark.usefixtures("_sleep_until_woken")
def test_wait_for_a_name_and_for_a_newer_array(heap):
    with pytest.raises(TimeoutError, match="'front'"):
        heap.wait("front", 0.01)
    heap["front"] = filled(heap, 1)
    first = heap.wait("front")
    with pytest.raises(TimeoutError, match="newer"):
        heap.wait("front", 0.01, newer=first)

    def work(pipe):
        pipe.send("waits")
        newer = heap.wait("front", SECONDS, newer=heap["front"])
        pipe.send(int(newer[0, 0]))

    with Child(work) as child:
        child.receive()
        time.sleep(0.05)  # so that it sleeps
        heap["front"] = filled(heap, 5)
        assert child.receive() == 5
    assert heap.wait("front", 0, newer=first)[0, 0] == 5


@pytest.mark.usefixtures("_sleep_until_woken")
def test_other_threads_run_while_one_waits(heap):
    found = []
    waiting = threading.Thread(target=lambda: found.append(heap.wait("late", SECONDS)))
    waiting.start()
    heap["early"] = np.arange(3)
    heap["late"] = np.arange(4)
    waiting.join(SECONDS)
    assert found[0].shape == (4,)
    del found[:]


def test_readers_have_the_old_or_the_new(heap):
    heap["front"] = filled(heap, 0)

    def work(pipe):
        number = 0
        while not pipe.poll():
            number += 1
            heap["front"] = filled(heap, number)

    with Child(work) as child:
        last = reads = 0
        deadline = time.monotonic() + SECONDS
        while reads < 3000 or last == 0:
            assert time.monotonic() < deadline
            found = heap["front"]
            assert (found == found[0, 0]).all()
            assert found[0, 0] >= last
            last = int(found[0, 0])
            reads += 1
        child.send("end")
    del found


def test_a_publisher_killed_at_any_time_leaves_the_old_or_the_new(heap):
    heap["front"] = filled(heap, 0)
    for round_ in range(20):
        pid = os.fork()
        if pid == 0:
            number = 0
            while True:
                number += 1
                heap["front"] = filled(heap, number)
        time.sleep(0.002 + round_ / 10_000)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        found = heap["front"]
        assert (found == found[0, 0]).all()
        heap.check()
    heap.recall(dead=True)
    del found
