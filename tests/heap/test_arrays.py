"""`heap.array`: an ndarray whose memory returns with its last view."""

import gc
import threading

import numpy as np
import pytest

import rheap

DTYPES = [
    "u1",
    "f2",
    "f4",
    "f8",
    ">i4",
    "?",
    "c8",
    "c16",
    "M8[s]",
    "m8[ms]",
    "S5",
    "U3",
    "V7",
    [("x", "f4"), ("label", "S3"), ("flag", "?")],
    np.dtype([("a", "u1"), ("b", "f8")], align=True),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_an_array_of_any_dtype(heap, dtype):
    array = heap.array((4, 3), dtype, zero=True)
    assert (array.shape, array.dtype) == ((4, 3), np.dtype(dtype))
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.tobytes() == bytes(array.nbytes)
    array[1] = array[0]


def test_the_default_dtype_is_numpys(heap):
    assert heap.array(3).dtype == np.zeros(3).dtype


def test_an_array_computes(heap):
    array = heap.array((100, 10), "f4")
    array[:] = np.arange(1000).reshape(100, 10)
    assert (array @ array.T).shape == (100, 100)
    assert array.sum() == 499500


@pytest.mark.parametrize("shape", [7, (7,), [7], np.int64(7), (np.int8(7),)], ids=repr)
def test_a_shape_is_an_int_or_a_sequence(heap, shape):
    assert heap.array(shape).shape == (7,)


def test_a_subarray_dtype_adds_its_dimensions(heap):
    assert heap.array(2, "(3,)f4").shape == (2, 3)


@pytest.mark.parametrize("shape", [0, (0,), (0, 3), (3, 0, 2)])
def test_an_array_of_nothing(heap, shape):
    array = heap.array(shape)
    assert array.size == 0
    assert array.shape == np.empty(shape).shape


def test_an_array_without_dimensions(heap):
    array = heap.array((), "i4")
    array[...] = 7
    assert (array.shape, array.item()) == ((), 7)
    assert heap.stats().live_bytes >= 4


@pytest.mark.parametrize("shape", [1, 3, (5, 5), (), 0])
def test_an_array_is_aligned_to_64_bytes(heap, shape):
    kept = heap.alloc(24)  # so that the next free byte is not aligned by accident
    array = heap.array(shape, "u1")
    assert array.ctypes.data % 64 == 0
    del kept


def test_zero_is_zero_after_dirt(heap, fill_rest):
    fill_rest(heap, 0xFF)
    assert heap.array(1000, "u1").any()
    assert not heap.array((100, 100), "f8", zero=True).any()


@pytest.mark.parametrize("dtype", ["O", object, [("x", "f4"), ("y", "O")]], ids=str)
def test_python_objects_are_refused(heap, dtype):
    with pytest.raises(TypeError, match="Python objects"):
        heap.array(3, dtype)
    assert heap.stats().live_blocks == 0


def test_a_dtype_that_numpy_does_not_know_is_refused(heap):
    with pytest.raises(TypeError, match="nonsense"):
        heap.array(8, "nonsense")
    assert heap.stats().live_blocks == 0


@pytest.mark.parametrize("shape", [-1, (-1,), (3, -2), (-3, -2)])
def test_a_negative_shape_is_refused(heap, shape):
    with pytest.raises(ValueError, match="must not be negative"):
        heap.array(shape)
    assert heap.stats().live_blocks == 0


@pytest.mark.parametrize("shape", [1.5, "3", (1, 2.5), None])
def test_a_shape_that_is_none_is_refused(heap, shape):
    with pytest.raises(TypeError):
        heap.array(shape)
    assert heap.stats().live_blocks == 0


def test_an_array_that_does_not_fit_is_refused(heap):
    with pytest.raises(rheap.HeapExhausted) as raised:
        heap.array((1024, 1024), "f8")
    assert raised.value.requested == 8 << 20
    assert isinstance(raised.value, MemoryError)


def test_an_array_beyond_every_address_is_refused(heap):
    with pytest.raises(OverflowError):
        heap.array((2**40, 2**40))


def test_the_block_is_pinned_and_not_exposed(heap):
    array = heap.array(8)
    assert [info.state for info in heap.blocks()] == [rheap.BlockState.PINNED]
    del array


def test_memory_returns_with_the_array(heap):
    array = heap.array(100)
    assert heap.stats().live_bytes >= 800
    del array
    assert heap.stats().live_blocks == 0


@pytest.mark.parametrize(
    "derive",
    [
        lambda array: array[2:5],
        lambda array: array[::-2],
        lambda array: array[3],
        lambda array: array.T,
        lambda array: array.reshape(-1),
        lambda array: array.view("u2"),
        lambda array: array[:, None],
        lambda array: np.asarray(array)[1:],
        lambda array: np.lib.stride_tricks.sliding_window_view(array, 2, axis=0),
        lambda array: memoryview(array),
        lambda array: array[4:][1:].T,
    ],
)
def test_memory_returns_with_the_last_view(heap, derive, fill_rest):
    array = heap.array((8, 4), "u4")
    array[:] = np.arange(32).reshape(8, 4)
    expected = np.array(derive(array))
    view = derive(array)
    del array
    gc.collect()
    assert heap.stats().live_blocks == 1
    fill_rest(heap, 0xEE)
    assert (np.array(view) == expected).all()
    del view
    gc.collect()
    assert heap.stats().live_blocks == 0


def test_a_copy_does_not_keep_the_memory(heap):
    array = heap.array((8, 4), "u4", zero=True)
    copy = array.copy()
    del array
    assert heap.stats().live_blocks == 0
    assert not copy.any()


def test_memory_returns_when_other_threads_let_their_views_go(heap):
    array = heap.array((4, 1000), "u4")
    go = threading.Event()
    sums = {}

    def use(index, view):
        go.wait()
        view[:] = index
        sums[index] = int(view.sum())

    threads = [threading.Thread(target=use, args=(i, array[i])) for i in range(4)]
    for thread in threads:
        thread.start()
    del array
    assert heap.stats().live_blocks == 1
    go.set()
    for thread in threads:
        thread.join()
    del threads, thread
    gc.collect()
    assert sums == {0: 0, 1: 1000, 2: 2000, 3: 3000}
    assert heap.stats().live_blocks == 0


def test_an_array_outlives_its_heap():
    with rheap.Heap("1 MiB") as heap:
        array = heap.array(100, "u1")
        array[:] = range(100)
    del heap
    gc.collect()
    assert array.tolist() == list(range(100))
