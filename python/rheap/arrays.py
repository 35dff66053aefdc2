"""NumPy arrays in a heap's memory. NumPy is imported when one is asked for.

The compiled `Heap.array` makes those of small shapes and of the dtypes that it was told of; all
others, and so the first of each dtype, are made here.
"""

from __future__ import annotations

import math
import operator

from . import _core
from .loading import no_fork
from .numpy_interface import NUMBERS, use_interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any, SupportsIndex

    import numpy
    import numpy.typing

ALIGN = 64  # bytes: a cache line, and the widest vector register
_PYTHON_NUMBERS = (bool, int, float, complex)


def _dimensions(shape: SupportsIndex | Sequence[SupportsIndex]) -> tuple[int, ...]:
    try:
        return (operator.index(shape),)  # type: ignore[arg-type]
    except TypeError:
        return tuple(operator.index(size) for size in shape)  # type: ignore[union-attr]


def _numpy(call: str) -> ModuleType:
    try:
        import numpy as np
    except ImportError as error:
        raise ImportError(f"heap.{call} needs NumPy: pip install 'rheap[numpy]'") from error
    return np


def make_array(
    heap: _core.Heap,
    shape: SupportsIndex | Sequence[SupportsIndex],
    dtype: numpy.typing.DTypeLike,
    zero: bool,
    align: int,
) -> numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]:
    """See `Heap.array`."""
    np = _numpy("array")
    kind = np.dtype(dtype)
    if kind.hasobject:
        raise TypeError(f"dtype {kind} holds Python objects, which a heap of bytes cannot keep")
    dimensions = _dimensions(shape)
    if any(dimension < 0 for dimension in dimensions):
        raise ValueError(f"shape must not be negative, but is {dimensions}")
    if heap._id:
        with no_fork:
            from .handover import teach_arrays
        teach_arrays()
    block = _core.alloc_to_stay(heap, math.prod(dimensions) * kind.itemsize, align, zero)
    # The array keeps the Pin, of which that is a view, and the Pin keeps the block.
    array: numpy.ndarray[Any, Any] = np.ndarray(dimensions, kind, buffer=block.view())
    if _is_for_ever(dtype, kind) and use_interface():
        _core.remember_dtype(dtype, kind, kind.itemsize)
    return array


def make_full(
    heap: _core.Heap,
    shape: SupportsIndex | Sequence[SupportsIndex],
    fill_value: Any,
    dtype: numpy.typing.DTypeLike | None,
    align: SupportsIndex | str,
) -> numpy.ndarray[Any, Any]:
    """See `Heap.full`."""
    np = _numpy("full")
    array = heap.array(shape, np.asarray(fill_value).dtype if dtype is None else dtype, align=align)
    np.copyto(array, fill_value, casting="unsafe")
    return array


def make_copy(heap: _core.Heap, a: Any, align: SupportsIndex | str) -> numpy.ndarray[Any, Any]:
    """See `Heap.copy`."""
    np = _numpy("copy")
    # A Block that is taken itself would be exposed.
    source = np.asarray(a.view() if isinstance(a, _core.Block) else a)
    axes = range(source.ndim)
    slowest_first = sorted(axes, key=lambda axis: -abs(source.strides[axis]))
    array = heap.array([source.shape[axis] for axis in slowest_first], source.dtype, align=align)
    if slowest_first != [*axes]:
        array = array.transpose(sorted(axes, key=slowest_first.__getitem__))
    np.copyto(array, source)
    return array


def _is_for_ever(dtype: object, kind: numpy.dtype[Any]) -> bool:
    """Whether the argument will always stand for that dtype, which no array need adapt.

    Not so are classes that have a `dtype`, as it may change, and names of which NumPy warns.
    """
    if kind.subdtype is not None or kind.itemsize == 0:
        return False
    if dtype is kind:
        return True
    if kind.kind not in NUMBERS:
        return False
    return type(dtype) is str or any(dtype is known for known in (kind.type, *_PYTHON_NUMBERS))
