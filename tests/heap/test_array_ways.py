"""`heap.array` in compiled code, and in Python code where that leaves an array to it: the same."""

import subprocess
import sys
import textwrap
import tracemalloc
import weakref

import numpy as np
import pytest
from test_arrays import DTYPES

import rheap
from rheap import arrays


def by_python(heap, shape, dtype, zero=False):
    """The array as the package's Python code makes it, which `heap.array` leaves some arrays to."""
    return arrays.make_array(heap, shape, dtype, zero, arrays.ALIGN)


def figures_of(array):
    return (
        type(array), array.shape, array.strides, array.dtype, array.flags.num, array.nbytes,
        array.ctypes.data % 64, array.itemsize, array.flags.owndata,
    )  # fmt: skip


@pytest.fixture
def by_compiled_code(monkeypatch):
    """`by_compiled_code(call)` is what it returns if no Python code of ours has run for it."""

    def check(call):
        asked = []
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "_dimensions", lambda shape: asked.append(shape) or (0,))
            made = call()
        return None if asked else made

    return check


@pytest.mark.parametrize(
    "shape",
    [0, 5, (), (1,), (5,), (0, 3), (3, 0), (1, 1), (4, 3), (2, 1, 3), (1, 2, 1, 2, 1, 2, 1, 2),
     (1,) * 9, [4, 3], np.int64(4), (np.int64(4), 2), True, 1 << 14],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize(
    "dtype",
    [*DTYPES, np.dtype("u1"), np.float32, np.int64, np.bool_, float, int, bool, complex,
     np.dtype([("x", "f4"), ("y", "i8")]), "(2,)f4", "S0", np.str_, None, np.longdouble],
    ids=str,
)  # fmt: skip
def test_both_ways_make_the_same_array(heap, shape, dtype):
    expected = by_python(heap, shape, dtype)  # and from now on the dtype is known
    for zero in (False, True):
        array = heap.array(shape, dtype, zero=zero)
        assert figures_of(array) == figures_of(expected)
        assert not (zero and any(array.tobytes()))
        pin = array.base
        assert (type(pin), pin.block.pinned, pin.block.size) == (rheap.Pin, True, array.nbytes)
        del array, pin
        assert heap.stats().live_blocks == 1


@pytest.mark.parametrize("dtype", ["u2", np.uint16, float, np.dtype("f4"), np.dtype("i4,f8")])
def test_a_dtype_that_was_seen_before_needs_no_python_code(heap, by_compiled_code, dtype):
    heap.array(1, dtype)
    for shape in (5, (2, 3), ()):
        assert by_compiled_code(lambda shape=shape: heap.array(shape, dtype)) is not None
    assert by_compiled_code(lambda: heap.array([2, 3], dtype)) is None  # the list does


def test_what_may_stand_for_another_dtype_later_is_asked_each_time(heap):
    class Changing:
        dtype = np.dtype("u1")

    assert heap.array(3, Changing).itemsize == 1
    Changing.dtype = np.dtype("f8")
    assert heap.array(3, Changing).itemsize == 8
    fields = [("x", "u1")]
    assert heap.array(3, fields).itemsize == 1
    fields.append(("y", "f8"))
    assert heap.array(3, fields).itemsize == 9


def test_many_dtypes_in_turn(heap):
    dtypes = [np.dtype(f"V{size}") for size in range(1, 200)]
    for dtype in dtypes * 2:
        assert heap.array(2, dtype).dtype is dtype
        assert heap.array(2, dtype).nbytes == 2 * dtype.itemsize
    references = sys.getrefcount(dtypes[0])
    for _ in range(100):
        heap.array(2, dtypes[0])
    assert sys.getrefcount(dtypes[0]) <= references + 3  # it may be remembered now


@pytest.mark.parametrize(
    "shape",
    [
        -1, (3, -2), (0, -1), 1.5, "3", None, (1, 2.5), (1 << 10, 1 << 10), (1 << 20, 1 << 20),
        1 << 17, (2**40, 2**40), 2**64, 2**62, (2**62, 0), (0, 2**31, 2**31, 2**31),
        (2**20, 2**20, 2**20, 2**20), (1,) * 100, (2**20, 0, 2**20, 2**20, 2**20),
    ],
    ids=repr,
)  # fmt: skip
def test_both_ways_raise_the_same(heap, shape):
    heap.array(1, "f8")
    with pytest.raises((TypeError, ValueError, OverflowError, MemoryError)) as expected:
        by_python(heap, shape, "f8")
    with pytest.raises(expected.type) as raised:
        heap.array(shape, "f8")
    assert str(raised.value) == str(expected.value)
    del expected, raised  # and the frames with their blocks
    assert heap.stats().live_blocks == 0


@pytest.mark.parametrize(
    ("arguments", "options"),
    [((), {}), ((1, "u1", True), {}), ((1,), {"shape": 1}), ((1,), {"kind": "u1"})],
)
def test_arguments_that_make_no_sense_are_refused(heap, arguments, options):
    with pytest.raises(TypeError, match="array"):
        heap.array(*arguments, **options)


def test_arguments_by_name(heap):
    assert heap.array(shape=(2, 3), dtype="u1", zero=True).tolist() == [[0] * 3] * 2
    assert heap.array(dtype="u1", shape=2).nbytes == 2
    assert rheap.Heap.array(heap, 3, "u1").nbytes == 3


def test_an_array_of_a_class_derived_from_heap():
    class Mine(rheap.Heap):
        pass

    heap = Mine("1 MiB")
    assert heap.array(3, "u1").shape == (3,)
    with pytest.raises(TypeError, match="its __init__"):
        Mine.__new__(Mine).array(3, "u1")
    with pytest.raises(TypeError):
        rheap.Heap.array(object(), 3, "u1")


def test_a_closed_heap_has_no_arrays(heap):
    array = heap.array(3, "u1", zero=True)
    heap.close()
    for shape in (3, [3]):
        with pytest.raises(rheap.HeapClosed, match="closed"):
            heap.array(shape, "u1")
    assert array.tolist() == [0, 0, 0]


def test_what_lingers_is_counted(heap):
    array = heap.array(100, "u1")
    array = heap.array(100, "u1")
    array.base.block.__exit__(None, None, None)
    assert heap.stats().lingering_blocks == 1
    array[:] = 7
    assert array.sum() == 700
    del array
    assert heap.stats().live_blocks == 0


def test_an_array_can_be_referred_to_weakly(heap):
    heap.array(1, "u1")
    array = heap.array(4, "u1")
    reference, block = weakref.ref(array), weakref.ref(array.base.block)
    del array
    assert reference() is block() is None


def test_a_debug_heap_knows_the_line():
    heap = rheap.Heap("1 MiB", debug=True)
    kept = [heap.array(10, "u1") for _ in range(2)]
    (site,) = heap.leaks()
    assert (site.blocks, site.bytes) == (2, 20)
    assert "test_array_ways.py" in site.site
    assert len(set(kept[1].tolist())) == 1  # filled with the pattern
    heap.check()


def test_tracemalloc_sees_arrays(heap):
    heap.array(1, "u1")
    tracemalloc.start()
    try:
        array = heap.array(1000, "u1")
        domain = [tracemalloc.DomainFilter(True, rheap.TRACEMALLOC_DOMAIN)]
        (found,) = tracemalloc.take_snapshot().filter_traces(domain).statistics("lineno")
        assert (found.size, found.count) == (1000, 1)
        assert found.traceback[0].filename == __file__
        del array
        assert not tracemalloc.take_snapshot().filter_traces(domain).traces
    finally:
        tracemalloc.stop()


def run(code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_numpy_it_says_what_to_install():
    assert (
        run(
            """
        import sys
        sys.modules["numpy"] = None
        import rheap
        heap = rheap.Heap("1 MiB")
        for _ in range(2):
            try:
                heap.array(3, "u1")
            except ImportError as error:
                print(error)
        """
        ).splitlines()
        == ["heap.array needs NumPy: pip install 'rheap[numpy]'"] * 2
    )


def test_threads_may_be_the_first_together():
    assert (
        run(
            """
        import sys, threading
        sys.setswitchinterval(1e-6)
        import rheap
        heap = rheap.Heap("1 MiB")
        assert "numpy" not in sys.modules
        start, sums = threading.Barrier(8), []
        def make(number):
            start.wait()
            for _ in range(100):
                array = heap.array((2, 3), "u1")
                array[...] = number
                assert (array == number).all()
            sums.append(int(array.sum()))
        threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert sorted(sums) == [6 * number for number in range(8)]
        heap.check()
        print(heap.stats().live_blocks, type(heap.array(2, "u1").base).__name__)
        """
        )
        == "0 Pin"
    )


FOREIGN = """
import ctypes, rheap, numpy as np
from rheap import _core, arrays, numpy_interface

capsule = numpy_interface._interface()
get = ctypes.pythonapi.PyCapsule_GetPointer
get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
table = (ctypes.c_void_p * 300).from_buffer_copy(
    (ctypes.c_void_p * 300).from_address(get(capsule, None)))
version = ctypes.CFUNCTYPE(ctypes.c_uint)
answers = []

def changed(place, answer):
    answers.append(version(lambda: answer))
    other = (ctypes.c_void_p * 300)(*table)
    other[place] = ctypes.cast(answers[-1], ctypes.c_void_p).value
    answers.append(other)
    return new(ctypes.addressof(other), None, None)

asked = []
dimensions = arrays._dimensions
arrays._dimensions = lambda shape: asked.append(shape) or dimensions(shape)
heap = rheap.Heap("1 MiB")
for what in (changed(0, 0x03000000), changed(0, 0x01000008), changed(211, 6), None, 7,
             new(1, b"another", None)):
    assert not _core.use_numpy(what, np.ndarray, np.dtype), what
    numpy_interface._interface = lambda: what
    asked.clear()
    for _ in range(2):
        assert heap.array((2, 3), "u1", zero=True).tolist() == [[0] * 3] * 2
    assert len(asked) == 2, "made by an interface that is not known"
assert not _core.use_numpy(capsule, np.dtype, np.ndarray)
numpy_interface._interface = lambda: capsule
heap.array(1, "u1")
asked.clear()
heap.array(1, "u1")
assert not asked
"""


def test_an_interface_that_is_not_known_is_left_alone():
    run(FOREIGN)
