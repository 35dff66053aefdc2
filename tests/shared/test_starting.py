"""Processes that `multiprocessing` and `concurrent.futures` start, in each of their ways."""

import concurrent.futures
import multiprocessing

import numpy as np
import pytest
import shared_workers
from processes import SECONDS, assert_nothing_left
from shared_workers import facts_of

import rheap

METHODS = multiprocessing.get_all_start_methods()
# Libraries that other tests import start threads, which Python 3.12 and later (and JAX) warn of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
]


@pytest.fixture(params=METHODS)
def context(request):
    return multiprocessing.get_context(request.param)


@pytest.fixture
def heap():
    with rheap.SharedHeap("4 MiB") as heap:
        yield heap
        assert_nothing_left(heap)


def receive(queue):
    if hasattr(queue, "poll"):
        assert queue.poll(SECONDS)
        return queue.recv()
    return queue.get(timeout=SECONDS)


def end(process):
    process.join(SECONDS)
    assert process.exitcode == 0
    process.close()


def close(queue):
    queue.close()
    queue.join_thread()


def test_arguments_of_a_process_and_what_it_sends(context, heap):
    array, block = heap.array((3, 4), ">i4"), heap.alloc(10)
    array[:] = np.arange(12).reshape(3, 4)
    block[:] = b"0123456789"
    view = array.T[::-1]
    expected = ([1, 2, 3], b"0123456789", facts_of(view))
    answers = context.Queue()
    process = context.Process(
        target=shared_workers.use_arguments, args=(array[0, 1:], heap, block, view, answers)
    )
    process.start()
    assert receive(answers) == expected
    made, part = receive(answers)
    end(process)  # what it made is there all the same
    assert made.tolist() == list(range(1000))
    assert part.tolist() == list(range(999, -1, -2))
    part[0] = 5
    assert made[999] == 5
    assert (array[0].tolist(), block[:3]) == ([0, 99, 2, 3], b"b12")
    close(answers)
    del made, part, array, view


def test_arrays_to_and_fro_through_queues(context, heap):
    questions, answers = context.Queue(), context.Queue()
    process = context.Process(target=shared_workers.echo, args=(heap, questions, answers))
    process.start()
    for dtype in ("f8", "?", [("a", "i4"), ("b", "S3")]):
        array = heap.array((2, 3), dtype, zero=True)
        questions.put(array[:, ::-1])
        again, there = receive(answers)
        assert there == facts_of(array[:, ::-1]) == facts_of(again)
        again.fill(again.dtype.type(1) if isinstance(dtype, str) else (1, b"x"))
        assert (array == again[:, ::-1]).all()  # the same memory
        assert not (array == np.zeros((), array.dtype)).any()
        del array, again
    questions.put(None)
    end(process)
    close(questions)
    close(answers)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Pool", "ProcessPoolExecutor"])
def test_pools(context, heap, kind):
    array = heap.array(1000, "i4", zero=True)
    initial = {"initializer": shared_workers.remember, "initargs": (heap, array)}
    arrays = [heap.array(10, "i4") for _ in range(8)]
    for number, each in enumerate(arrays):
        each[:] = number
    if kind == "Pool":
        with context.Pool(2, **initial) as pool:
            doubled = pool.map(shared_workers.double, arrays)
            pool.close()
            pool.join()
    else:
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context, **initial) as pool:
            doubled = list(pool.map(shared_workers.double, arrays))
    for number, each in enumerate(doubled):
        assert each.tolist() == [2 * number] * 10
    assert array[0] in (1, 2)  # one may have started late
    identity = heap._id
    for each in doubled:
        assert rheap._core.shared_heap_of(each.base.block) == identity
    del array, arrays, each, doubled, initial


@pytest.mark.slow
@pytest.mark.parametrize("end_by", ["itself", "a kill"])
def test_the_producer_is_gone_before_the_consumer_reads(context, heap, end_by):
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=shared_workers.produce_and_end, args=(heap, theirs, 20))
    process.start()
    theirs.close()
    if end_by == "itself":
        end(process)
    else:
        assert mine.poll(SECONDS)
        process.kill()  # perhaps it has ended by itself
        process.join(SECONDS)
        process.close()
    heap.reap()
    numbers = []
    while mine.poll(0):
        try:
            array = mine.recv()
        except EOFError:  # perhaps in the middle of one
            break
        numbers.append(len(numbers))
        assert array.tolist() == [numbers[-1]] * 1000
        del array
    assert len(numbers) == 20 or (end_by == "a kill" and numbers)
    mine.close()


def test_a_child_that_ends_normally_leaves_in_good_order(context, heap):
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=shared_workers.produce_and_end, args=(heap, theirs, 3))
    process.start()
    theirs.close()
    end(process)
    assert [(info.sender, info.pid, info.size) for info in heap.tickets()] == [
        ("left", None, 4000)
    ] * 3
    assert heap.recall(dead=True) == heap.recall() == 0
    arrays = [mine.recv() for _ in range(3)]
    assert [array[-1] for array in arrays] == [0, 1, 2]
    assert heap.tickets() == []
    mine.close()


def test_a_killed_child_is_said_to_have_died(context, heap):
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=shared_workers.produce_and_wait, args=(heap, theirs, 3))
    process.start()
    theirs.close()
    arrays = [receive(mine)]
    assert receive(mine)[0] == 1  # dropped at once
    assert mine.poll(SECONDS)
    assert [(info.sender, info.pid) for info in heap.tickets()] == [("alive", process.pid)]
    process.kill()
    process.join(SECONDS)
    process.close()
    assert [(info.sender, info.pid) for info in heap.tickets()] == [("died", None)]
    arrays.append(mine.recv())
    assert [array[-1] for array in arrays] == [0, 2]
    mine.close()


def test_an_array_for_a_process_that_is_not_attached_says_what_to_do(context):
    heap = rheap.SharedHeap("1 MiB")
    questions, answers = context.SimpleQueue(), context.SimpleQueue()
    process = context.Process(target=shared_workers.name_errors, args=(questions, answers))
    if context.get_start_method() == "fork":
        pytest.skip("a forked child is attached to whatever its parent is")
    process.start()
    array = heap.array(4, zero=True)
    questions.put(array)
    kind, words = answers.get()
    questions.put(None)
    end(process)
    assert kind is rheap.HeapError
    assert "pass the SharedHeap to the process first" in words
    heap.recall()
    del array
    assert_nothing_left(heap)
