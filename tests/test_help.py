"""What `help()` says: every public name has words and a signature, and no internals show."""

import dataclasses
import doctest
import inspect

import pytest

import rheap

CLASSES = [name for name in rheap.__all__ if isinstance(getattr(rheap, name), type)]
INTERNALS = {
    "statistics",
    "rows",
    "holders",
    "snapshot",
    "close_if_unused",
    "bound_blocks",
    "observed",
}


def members(kind):
    """The public names that a class has of this package."""
    fields = (
        {field.name for field in dataclasses.fields(kind)}
        if (dataclasses.is_dataclass(kind))
        else set()
    )
    for base in kind.__mro__:
        if base.__module__.split(".")[0] != "rheap":
            continue
        for name in vars(base):
            if not name.startswith("_") and name not in fields:
                yield name


MEMBERS = [(name, member) for name in CLASSES for member in members(getattr(rheap, name))]


def has_signature(thing):
    signature = inspect.signature(thing)
    return not any(part.annotation is object for part in signature.parameters.values())


@pytest.mark.parametrize(
    "name", [name for name in rheap.__all__ if name.islower() or name in CLASSES]
)
def test_public_names_have_words(name):
    assert inspect.getdoc(getattr(rheap, name))


@pytest.mark.parametrize("name", ["init_heap", "r_alloc", "r_free", "r_defrag", "Heap"])
def test_public_functions_have_signatures(name):
    assert has_signature(getattr(rheap, name))


@pytest.mark.parametrize(("kind", "name"), MEMBERS)
def test_members_have_words_and_signatures(kind, name):
    value = inspect.getattr_static(getattr(rheap, kind), name)
    assert value.__doc__, f"{kind}.{name}"
    assert "self: object" not in value.__doc__
    function = getattr(getattr(rheap, kind), name)
    if callable(function) and not isinstance(function, str):
        assert has_signature(function), f"{kind}.{name}"


def test_a_heap_shows_no_internals():
    assert not INTERNALS & set(dir(rheap.Heap))
    assert "self: object" not in (inspect.getdoc(rheap.Heap) or "")


@pytest.mark.parametrize("name", ["close", "defrag", "trim", "check", "capacity"])
def test_examples_of_compiled_methods_run(name):
    words = inspect.getdoc(getattr(rheap.Heap, name))
    test = doctest.DocTestParser().get_doctest(words, {"Heap": rheap.Heap}, name, None, 0)
    assert test.examples
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0
