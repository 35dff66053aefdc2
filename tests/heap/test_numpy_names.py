"""`zeros`, `full` and `copy`: what NumPy users type, in a heap's memory."""

import inspect
import sys

import numpy as np
import pytest
from support import live

import rheap

KINDS = [
    pytest.param(lambda **options: rheap.Heap("1 MiB", **options), id="heap"),
    pytest.param(lambda **options: rheap.SharedHeap("1 MiB", **options), id="shared"),
]


@pytest.fixture(params=KINDS)
def any_heap(request):
    with request.param() as heap:
        yield heap


def same(one, other):
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert one.tobytes() == other.tobytes()


def dirty(heap):
    """Leaves memory behind that is not zero."""
    array = heap.array(10_000, "u1")
    array[:] = 255


SHAPES = [(), 0, 5, (3, 4), [2, 3, 4], np.int64(7), (0, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize("dtype", [float, "u1", np.int16, "M8[s]", [("a", "i4"), ("b", "f8")]])
def test_zeros_are_numpys(any_heap, shape, dtype):
    dirty(any_heap)
    array = any_heap.zeros(shape, dtype)
    same(array, np.zeros(shape, dtype))
    del array
    assert live(any_heap) == (0, 0)


def test_zeros_are_floats_by_default(any_heap):
    assert any_heap.zeros(3).dtype == np.zeros(3).dtype


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (7, None),
        (1.5, None),
        (True, None),
        (1j, None),
        ("text", None),
        (b"abc", None),
        (np.float32(2), None),
        (np.datetime64("2026-01-01"), None),
        (1.9, "u1"),
        (7, "f4"),
        (np.nan, "f8"),
    ],
    ids=repr,
)
def test_full_is_numpys(any_heap, shape, value, dtype):
    array = any_heap.full(shape, value, dtype)
    same(array, np.full(shape, value, dtype))
    del array
    assert live(any_heap) == (0, 0)


def test_full_broadcasts(any_heap):
    same(any_heap.full((2, 3), [1, 2, 3]), np.full((2, 3), [1, 2, 3]))
    with pytest.raises(ValueError, match="broadcast"):
        any_heap.full((2, 3), [1, 2])
    assert live(any_heap) == (0, 0)


GRID = np.arange(24).reshape(2, 3, 4)
SOURCES = {
    "C order": GRID,
    "Fortran order": np.asfortranarray(GRID),
    "axes in another order": GRID.transpose(1, 2, 0),
    "every other": GRID[:, ::2, ::-1],
    "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
    "one number": np.array(7.5),
    "empty": np.empty((0, 3)),
    "bytes": np.array([b"a", b"bcd"]),
    "records": np.zeros(3, [("a", "u1"), ("b", "f8")]),
    "big-endian": np.arange(5, dtype=">i4"),
    "a list": [[1, 2], [3, 4]],
    "a number": 3,
    "read-only": np.frombuffer(b"abcd", "u1"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_copy_is_numpys(any_heap, name):
    source = SOURCES[name]
    expected = np.copy(source)
    array = any_heap.copy(source)
    same(array, expected)
    assert array.flags.writeable
    assert array.flags.c_contiguous == expected.flags.c_contiguous
    assert array.flags.f_contiguous == expected.flags.f_contiguous
    assert live(any_heap) == (1, 0)
    del array
    assert live(any_heap) == (0, 0)


def test_a_copy_is_a_copy(any_heap):
    source = np.arange(5)
    array = any_heap.copy(source)
    source[0] = 99
    assert array.tolist() == [0, 1, 2, 3, 4]


def test_of_an_array_of_a_heap(heap):
    source = heap.full(5, 7)
    assert heap.copy(source).tolist() == [7] * 5


def test_to_copy_a_block_does_not_expose_it(heap):
    block = heap.alloc(3)
    block[:] = b"abc"
    assert heap.copy(block).tobytes() == b"abc"
    assert repr(block).endswith(", live>")


def test_a_shared_one_can_be_handed_over():
    with rheap.SharedHeap("1 MiB") as heap:
        for array in (heap.zeros((2, 3)), heap.full(3, 7), heap.copy(np.asfortranarray(GRID))):
            same(heap.redeem(heap.ticket(array)), array)


MAKERS = {
    "array": lambda heap, **options: heap.array(100, "u1", **options),
    "array of a list": lambda heap, **options: heap.array([100], "u1", **options),
    "array of records": lambda heap, **options: heap.array(5, [("a", "u1")], **options),
    "zeros": lambda heap, **options: heap.zeros(100, "u1", **options),
    "full": lambda heap, **options: heap.full(100, 7, "u1", **options),
    "copy": lambda heap, **options: heap.copy(np.arange(10), **options),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("align", [1, 8, 64, 512, 4096, "4 KiB", 2 << 20])
def test_align(name, align):
    number = 4096 if align == "4 KiB" else align
    for kind in (rheap.Heap, rheap.SharedHeap):
        with kind("8 MiB") as heap:
            arrays = [MAKERS[name](heap, align=align) for _ in range(3)]
            assert all(array.ctypes.data % number == 0 for array in arrays)


@pytest.mark.parametrize("name", MAKERS)
def test_without_align_it_is_a_cache_line(heap, name):
    arrays = [MAKERS[name](heap) for _ in range(5)]
    assert all(array.ctypes.data % 64 == 0 for array in arrays)


@pytest.mark.parametrize("name", MAKERS)
def test_wrong_alignments(heap, name):
    for align, error in ((3, ValueError), (0, ValueError), (4 << 20, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="align"):
            MAKERS[name](heap, align=align)
    assert live(heap) == (0, 0)


WRONG = {
    "a dtype of objects": (TypeError, lambda heap: heap.zeros(3, object)),
    "a value that is an object": (TypeError, lambda heap: heap.full(3, object())),
    "an array of objects": (TypeError, lambda heap: heap.copy(np.array([None]))),
    "a negative shape": (ValueError, lambda heap: heap.zeros(-1)),
    "a shape that is none": (TypeError, lambda heap: heap.zeros("3")),
    "a negative shape to fill": (ValueError, lambda heap: heap.full((2, -1), 0)),
    "no value": (TypeError, lambda heap: heap.full(3)),
    "no shape": (TypeError, lambda heap: heap.zeros()),
    "nothing to copy": (TypeError, lambda heap: heap.copy()),
    "too large": (rheap.HeapExhausted, lambda heap: heap.zeros(1 << 20)),
    "too large to fill": (rheap.HeapExhausted, lambda heap: heap.full(1 << 20, 7)),
    "too large to copy": (rheap.HeapExhausted, lambda heap: heap.copy(np.zeros(1 << 20))),
    "huge": (rheap.HeapExhausted, lambda heap: heap.zeros((1 << 40, 1 << 10))),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(any_heap, name):
    error, call = WRONG[name]
    with pytest.raises(error):
        call(any_heap)
    assert live(any_heap) == (0, 0)
    any_heap.check()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda heap: heap.zeros([3]), "array"),
        (lambda heap: heap.full(3, 7), "full"),
        (lambda heap: heap.copy([3]), "copy"),
    ],
)
def test_without_numpy_they_say_how_to_install_it(heap, call, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=rf"heap\.{name} needs NumPy: pip install"):
        call(heap)


def test_a_debug_heap_knows_their_lines():
    heap = rheap.Heap("1 MiB", debug=True)
    kept = [heap.zeros(3), heap.full(3, 7), heap.copy([1])]
    sites = {holder.site for holder in heap.leaks()}
    line = inspect.currentframe().f_lineno - 2
    name = "test_a_debug_heap_knows_their_lines"
    assert sites == {f"{__file__}:{line} {name}"}
    del kept


@pytest.mark.parametrize("name", ["zeros", "full", "copy"])
def test_parameters_are_called_as_numpys(name):
    ours = [*inspect.signature(getattr(rheap.Heap, name)).parameters][1:]
    theirs = [*inspect.signature(getattr(np, name)).parameters]
    assert ours[-1] == "align"
    assert ours[:-1] == theirs[: len(ours) - 1]
