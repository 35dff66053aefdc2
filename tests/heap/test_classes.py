"""What Python code can do to a class: make objects without `__init__`, copy, derive, reassign.

These walk every class of the compiled module, whatever it is for.
"""

import copy
import copyreg
import os
import pickle
import re

import pytest
from support import in_child, run_python

import rheap
from rheap import _core

CLASSES = {name: kind for name, kind in vars(_core).items() if isinstance(kind, type)}


def parsed():
    parser = _core.TraceParser("text")
    parser.feed(b"a 1 100\nf 1\n")
    return parser.finish()


def inspection():
    return _core.Inspection(parsed(), 1 << 20, False, "first")


def block():
    return rheap.Heap("1 MiB").alloc(8)


MAKE = {
    "Block": block,
    "Timeline": lambda: inspection().timeline(2, abs),
    "Heap": lambda: _core.Heap(4096, False, False, "first", False),
    "HeapRecorder": lambda: _core.HeapRecorder(
        rheap.Heap(4096), os.open(os.devnull, os.O_WRONLY), False, False
    ),
    "HeapWatch": lambda: _core.HeapWatch(parsed(), 1 << 20, False, "first"),
    "Inspection": inspection,
    "MallocWatch": lambda: _core.MallocWatch(parsed()),
    "Pin": lambda: block().view().obj,
    "Rows": lambda: _core.rows(rheap.Heap("1 MiB")),
    "Snapshot": lambda: _core.snapshot(rheap.Heap("1 MiB"), 0, 1 << 20, 1),
    "Tiling": lambda: _core.Tiling(_core.rows(rheap.Heap("1 MiB")), 0, 64, 64, 128),
    "Trace": parsed,
    "TraceParser": lambda: _core.TraceParser("text"),
    "Word": lambda: _core.Word(64),
}


def test_there_is_one_of_each_class_to_try():
    assert MAKE.keys() == CLASSES.keys()
    for name, make in MAKE.items():
        assert type(make()) is CLASSES[name]


WAYS_TO_COPY = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "__reduce__": lambda thing: thing.__reduce__(),
    "__reduce_ex__": lambda thing: thing.__reduce_ex__(2),
    "object.__reduce_ex__": lambda thing: object.__reduce_ex__(thing, 0),
    "copyreg": lambda thing: copyreg._reduce_ex(thing, 0),
    **{f"pickle {n}": lambda thing, n=n: pickle.dumps(thing, n) for n in range(6)},
}


@pytest.mark.parametrize("name", [*CLASSES, "rheap.Heap"])
def test_no_object_is_copied(name):
    in_child(lambda: try_to_copy(name))  # what is wrong here ends the process


def try_to_copy(name):
    thing = rheap.Heap(4096) if name == "rheap.Heap" else MAKE[name]()
    for way, copied in WAYS_TO_COPY.items():
        try:
            copied(thing)
        except TypeError:
            continue
        raise AssertionError(way)


@pytest.mark.parametrize("name", CLASSES)
def test_an_object_without_init_refuses_everything(name):
    in_child(lambda: try_without_init(name))


def unmade(kind):
    """Objects of the class for which its `__init__` was not called."""
    for make in (kind.__new__, kind.__base__.__new__, object.__new__):
        try:
            thing = make(kind)
        except TypeError:
            continue
        assert type(thing) is kind
        yield thing


def argument_lists(member):
    """Arguments that pybind11 lets through to the function, if it has a signature."""
    given = {"str": "text", "bytes": b"", "dict": {}, "bool": True, "rheap._core.Trace": parsed()}
    signature = (member.__doc__ or "").partition("\n")[0]
    kinds = re.findall(r"arg\d: ([\w.]+)", signature)
    yield [given.get(kind, abs if "Callable" in kind else 1) for kind in kinds]
    yield [8]


def try_without_init(name):
    kind = CLASSES[name]
    for thing in unmade(kind):
        for member_name in {*dir(kind)} - {*dir(object), "__module__", "_pybind11_conduit_v1_"}:
            member = getattr(kind, member_name)
            if not callable(member):
                with pytest.raises(TypeError):
                    getattr(thing, member_name)
                continue
            for arguments in argument_lists(member):
                with pytest.raises(TypeError):
                    getattr(thing, member_name)(*arguments)
        repr(thing)
        with pytest.raises(TypeError):  # nor is it taken for one by another
            _core.HeapRecorder(thing, 1, False, False)
        for taker in (_core.MallocWatch, _core.snapshot_around):
            with pytest.raises(TypeError):
                taker(thing)


@pytest.mark.parametrize("name", CLASSES)
def test_new_takes_only_the_class_itself_or_one_derived_from_it(name):
    kind = CLASSES[name]
    for wrong in ((), (5,), (None,)):
        with pytest.raises(TypeError):
            kind.__new__(*wrong)
    for other in {*CLASSES.values()} - {kind}:
        with pytest.raises(TypeError):
            kind.__new__(other)


@pytest.mark.parametrize("name", [name for name in CLASSES if name != "Heap"])
def test_only_a_heap_can_be_derived_from(name):
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Derived", (CLASSES[name],), {})


def test_a_heap_may_have_a_new_of_its_own():
    class Counted(rheap.Heap):
        made = 0

        def __new__(cls, *arguments, **options):
            cls.made += 1
            return super().__new__(cls)

    with Counted(4096).alloc(5) as kept:
        assert kept.size == 5
    assert Counted.made == 1


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_cannot_be_changed(name):
    with pytest.raises(TypeError, match="immutable"):
        CLASSES[name].size = 5


@pytest.mark.parametrize("name", CLASSES)
def test_an_object_keeps_its_class(name):
    thing = MAKE[name]()
    for other in (*CLASSES.values(), rheap.Heap):
        with pytest.raises(TypeError):
            thing.__class__ = other


@pytest.mark.parametrize("thing", [_core, *CLASSES.values()], ids=lambda thing: thing.__name__)
def test_no_function_names_its_arguments(thing):
    """See classes.hpp: pybind11 does not look whether it could make the name."""
    for name, member in vars(thing).items():
        if type(member).__name__ in ("instancemethod", "builtin_function_or_method"):
            signature = (member.__doc__ or "").partition("\n")[0]
            named = re.findall(r"(?!self|arg\d)\b(\w+): ", signature)
            assert not named, f"{name}: {named}"


def test_a_buffer_is_not_filled_where_there_is_none():
    run_python(
        """
        import ctypes, rheap
        ask = ctypes.pythonapi.PyObject_GetBuffer
        ask.argtypes = (ctypes.py_object, ctypes.c_void_p, ctypes.c_int)
        heap = rheap.Heap("1 MiB")
        block = heap.alloc(8)
        for thing in (block, block.view().obj):
            for flags in (0, 1, 0x11C):
                try:
                    ask(thing, None, flags)
                except BufferError:
                    continue
                raise AssertionError
        del thing
        block.free()
        heap.check()
        assert heap.stats().live_blocks == 0
        """
    )
