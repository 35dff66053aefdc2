"""Arguments that make no sense, and heaps that nobody initialised."""

import pytest
from support import Indexed, run_python

import rheap


@pytest.fixture
def heap(heap_with_witness):
    return heap_with_witness


@pytest.mark.parametrize(
    ("args", "names", "words"),
    [
        ((), {}, "size"),
        ((), {"zero": True}, "size"),
        ((8, 8), {}, "positional"),
        ((8, 8, True), {}, "positional"),
        ((8,), {"alignment": 8}, "alignment"),
        ((8,), {"size": 8}, "size"),
        ((), {"bytes": 8}, "bytes"),
    ],
)
def test_alloc_refuses_wrong_arguments(heap, args, names, words):
    with pytest.raises(TypeError, match=words):
        heap.alloc(*args, **names)


def test_alloc_takes_its_size_by_name(heap):
    assert heap.alloc(size=24, zero=True, align=16)[:] == bytes(24)


@pytest.mark.parametrize(
    ("args", "names", "words"),
    [
        ((), {}, "capacity"),
        ((4096, True), {}, "positional"),
        ((4096,), {"colour": "red"}, "colour"),
        ((4096,), {"capacity": 1}, "capacity"),
    ],
)
def test_heap_refuses_wrong_arguments(args, names, words):
    with pytest.raises(TypeError, match=words):
        rheap.Heap(*args, **names)


def test_free_takes_only_a_block(heap):
    for thing in (None, 5, b"", memoryview(bytearray(8)), heap):
        with pytest.raises(TypeError, match=type(thing).__name__):
            heap.free(thing)
    with pytest.raises(TypeError):
        heap.free()


@pytest.mark.parametrize("coalesce", ["nonsense", "", None, 1, "Deferred"])
def test_coalesce_is_one_of_two_words(coalesce):
    with pytest.raises(ValueError, match="coalesce") as caught:
        rheap.Heap(4096, coalesce=coalesce)
    assert repr(coalesce) in str(caught.value)


def test_a_truth_that_raises_comes_through(heap):
    class Neither:
        def __bool__(self):
            raise LookupError("neither")

    with pytest.raises(LookupError, match="neither"):
        heap.alloc(8, zero=Neither())


def test_what_index_raises_comes_through(heap):
    def fail():
        raise LookupError("no such number")

    block = heap.alloc(64)
    for call in (heap.alloc, block.resize, rheap.Heap):
        with pytest.raises(LookupError, match="no such number"):
            call(Indexed(8, fail))
    with pytest.raises(LookupError, match="no such number"):
        heap.alloc(8, align=Indexed(8, fail))
    assert block.size == 64


def test_an_index_that_is_no_int_is_a_type_error(heap):
    with pytest.raises(TypeError):
        heap.alloc(Indexed("8"))


# --- without __init__ ---------------------------------------------------------------------------

OPERATIONS = [
    "heap.alloc(8)",
    "heap.free(rheap.Heap(64).alloc(8))",
    "heap.capacity",
    "heap.closed",
    "heap.debug",
    "heap.defrag()",
    "heap.trim()",
    "heap.check()",
    "heap.stats()",
    "list(heap.blocks())",
    "heap.map()",
    "heap.array(3)",
    "heap.close()",
    "heap.__exit__(None, None, None)",
]


def test_a_heap_without_init_says_so():
    run_python(
        f"""
        import faulthandler, rheap
        faulthandler.dump_traceback_later(30, exit=True)
        heap = rheap.Heap.__new__(rheap.Heap)
        for operation in {OPERATIONS} * 2:
            print(operation, flush=True)
            try:
                eval(operation)
            except TypeError as error:
                assert "its __init__() was not called" in str(error), error
            else:
                raise AssertionError("not refused")
        """
    )


def test_a_heap_without_init_dies_quietly():
    assert rheap.Heap.__new__(rheap.Heap).__class__ is rheap.Heap


def test_a_subclass_that_forgets_super_init_is_told():
    class Forgetful(rheap.Heap):
        def __init__(self):
            pass

    with pytest.raises(TypeError, match="__init__"):
        Forgetful()


def test_a_second_init_changes_nothing(heap):
    block = heap.alloc(64)
    block[:] = b"z" * 64
    with pytest.raises(ValueError, match="capacity"):
        heap.__init__(0)
    heap.__init__("2 MiB")
    assert heap.capacity == 1 << 20
    assert block[:] == b"z" * 64
    heap.check()
