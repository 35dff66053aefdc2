"""What completion and help show: the public names, and nothing else."""

import pydoc

import pytest
from support import run_python

import rheap


def test_dir_shows_public_names_alone():
    names = {name for name in dir(rheap) if not name.startswith("__")}
    assert names == {*rheap.__all__}
    assert {"__version__", "__doc__", "__all__"} <= {*dir(rheap)}
    assert all(hasattr(rheap, name) for name in dir(rheap))


def test_dir_shows_the_same_in_a_fresh_process():
    assert run_python("import rheap; print(*dir(rheap))").split() == dir(rheap)


@pytest.mark.parametrize("name", rheap.__all__)
def test_help_names_no_other_project(name):
    words = pydoc.plain(pydoc.render_doc(getattr(rheap, name)))
    assert "pybind11" not in words


@pytest.mark.parametrize("kind", [rheap.Heap, rheap.SharedHeap])
def test_the_bases_that_help_reads_are_ours(kind):
    assert kind.__mro__[0] is kind
    assert kind.__mro__[-1] is object
    assert all(base.__module__.startswith("rheap") for base in kind.__mro__[:-1])
    assert {*kind.__mro__} <= {*type.mro(kind)}


def test_a_derived_class_works_as_before():
    class Mine(rheap.Heap):
        def alloc(self, size):
            return super().alloc(size * 2)

    assert Mine.__mro__[:2] == (Mine, rheap.Heap)
    assert isinstance(Mine("1 MiB"), rheap.Heap)
    assert issubclass(Mine, rheap._core.Heap)
    assert Mine("1 MiB").alloc(4).size == 8


def test_a_class_that_is_being_made_has_no_bases_yet():
    seen = []

    class Curious(type(rheap.Heap)):
        def mro(cls):
            seen.append(cls.__mro__)
            return super().mro()

    made = Curious("Made", (rheap.Heap,), {})
    assert made.__mro__[1] is rheap.Heap
    assert seen == [None]  # as of any other class
