"""What pickling does in a process that has a shared heap: nothing new, but for its arrays."""

import copy
import pickle

import numpy as np
import pytest
from support import run_python

import rheap

CODE = """
    import hashlib, pickle, sys
    from multiprocessing.reduction import ForkingPickler
    import numpy as np
    import rheap

    if sys.argv[1] == "shared":
        heap = rheap.SharedHeap("1 MiB")
        kept = heap.array(5)
        heap.redeem(heap.ticket(kept))
    private = rheap.Heap("1 MiB")
    of_private = private.array((3, 4), "i4", zero=True)
    base = np.arange(24.0).reshape(4, 6)
    read_only = base.copy()
    read_only.flags.writeable = False
    arrays = {
        "whole": base,
        "view": base[1:, ::-2],
        "transposed": base.T,
        "fortran": np.asfortranarray(base),
        "no dimensions": np.array(5),
        "empty": base[:0],
        "read-only": read_only,
        "structured": np.zeros(3, [("a", "i4"), ("b", "S3", 2)]),
        "objects": np.array([1, "two", None], object),
        "texts": np.array(["a", "bc"]),
        "dates": np.array(["2024-01-01"], "M8[D]"),
        "big": np.arange(100_000),
        "of bytes": np.frombuffer(b"123456", "u2"),
        "of a bytearray": np.frombuffer(bytearray(8), "u2"),
        "of a memoryview": np.asarray(memoryview(bytearray(8))),
        "of a private heap": of_private,
        "view of a private heap": of_private[:, 1::2],
        "record": np.zeros(3, [("a", "i4")]).view(np.recarray),
        "masked": np.ma.masked_array([1, 2], [True, False]),
        "in a list": [base, base, {"again": base[0]}],
        "a scalar": np.float64(3),
    }
    for name, array in arrays.items():
        data = bytes(ForkingPickler.dumps(array, 4))
        again = pickle.loads(data)
        print(name, len(data), hashlib.sha256(data).hexdigest())
        if type(array) is np.ndarray and not array.dtype.hasobject:
            assert array.dtype == again.dtype and array.tobytes() == again.tobytes()
"""


def test_plain_arrays_are_the_same_bytes_as_without_a_shared_heap():
    with_heap = run_python(CODE, "shared")
    assert with_heap == run_python(CODE, "none")
    assert with_heap.count("\n") == 21


@pytest.fixture
def heap():
    with rheap.SharedHeap("1 MiB") as heap:
        yield heap
        if not heap.closed:
            heap.check()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_other_picklers_copy(heap, protocol):
    array = heap.array((3, 4), "i4")
    array[:] = np.arange(12).reshape(3, 4)
    for each in (array, array[::-1], array.T):
        data = pickle.dumps(each, protocol=protocol)
        again = pickle.loads(data)
        assert (again == each).all()
        assert not np.shares_memory(again, array)
        assert data == pickle.dumps(again, protocol=protocol) or each is not array
    assert heap.tickets() == []


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, np.array, np.ndarray.copy])
def test_copies_are_copies(heap, duplicate):
    array = heap.array(5, "i4", zero=True)
    again = duplicate(array)
    again[:] = 1
    assert array.sum() == 0


def test_blocks_and_heaps_are_not_pickled_by_others(heap):
    words = {heap: "handed over by multiprocessing", heap.alloc(8): "cannot be copied or pickled"}
    for what, refusal in words.items():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match=refusal):
                pickle.dumps(what, protocol=protocol)
        with pytest.raises(TypeError):
            copy.copy(what)


def test_blocks_of_private_heaps_and_these_are_not_pickled_by_multiprocessing():
    from multiprocessing.reduction import ForkingPickler

    private = rheap.Heap("1 MiB")
    for what in (private, private.alloc(8)):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            ForkingPickler.dumps(what)


def test_what_multiprocessing_pickles_can_be_unpickled_here(heap):
    from multiprocessing.reduction import ForkingPickler

    array = heap.array(5, "i4", zero=True)
    data = bytes(ForkingPickler.dumps([array, array[::2]]))
    assert len(data) < 400
    whole, part = pickle.loads(data)
    part[:] = 3
    assert whole.tolist() == array.tolist() == [3, 0, 3, 0, 3]
    assert heap.tickets() == []


def test_numpy_may_be_imported_late():
    code = """
        import sys, pickle
        from multiprocessing.reduction import ForkingPickler
        import rheap
        heap = rheap.SharedHeap("1 MiB")
        assert "numpy" not in sys.modules
        block = heap.alloc(8, zero=True)
        data = bytes(ForkingPickler.dumps(block))
        again = pickle.loads(data)
        assert "numpy" not in sys.modules
        ticket = heap.ticket(again)
        array = heap.array(4, zero=True)
        again = pickle.loads(bytes(ForkingPickler.dumps(array)))
        again[0] = 1
        print(array[0], len(heap.tickets()))
    """
    assert run_python(code) == "1.0 1\n"


def test_numpy_may_be_imported_by_the_first_ticket():
    code = """
        import os, sys, pickle
        import rheap
        heap = rheap.SharedHeap("1 MiB")
        mine, theirs = os.pipe()
        if os.fork() == 0:
            os.write(theirs, heap.ticket(heap.array(4, zero=True)))
            os._exit(0)
        ticket = os.read(mine, 1000)
        assert "numpy" not in sys.modules
        from multiprocessing.reduction import ForkingPickler
        array = heap.redeem(ticket)
        again = pickle.loads(bytes(ForkingPickler.dumps(array)))
        again[0] = 1
        print(array[0])
    """
    assert run_python(code) == "1.0\n"


def test_an_array_of_a_closed_heap_says_so(heap):
    from multiprocessing.reduction import ForkingPickler

    array = heap.array(4)
    heap.close()
    with pytest.raises(rheap.HeapClosed):
        ForkingPickler.dumps(array)
    assert len(pickle.dumps(array)) > 0
