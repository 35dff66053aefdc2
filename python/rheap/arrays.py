"""NumPy arrays in a heap's memory. NumPy is imported when one is asked for."""

from __future__ import annotations

import math
import operator

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, SupportsIndex

    import numpy
    import numpy.typing

ALIGN = 64  # bytes: a cache line, and the widest vector register


def _dimensions(shape: SupportsIndex | Sequence[SupportsIndex]) -> tuple[int, ...]:
    try:
        return (operator.index(shape),)  # type: ignore[arg-type]
    except TypeError:
        return tuple(operator.index(size) for size in shape)  # type: ignore[union-attr]


def make_array(
    heap: _core.Heap,
    shape: SupportsIndex | Sequence[SupportsIndex],
    dtype: numpy.typing.DTypeLike,
    zero: bool,
) -> numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]:
    """See `Heap.array`."""
    try:
        import numpy as np
    except ImportError as error:
        raise ImportError("heap.array needs NumPy: pip install 'rheap[numpy]'") from error
    kind = np.dtype(dtype)
    if kind.hasobject:
        raise TypeError(f"dtype {kind} holds Python objects, which a heap of bytes cannot keep")
    dimensions = _dimensions(shape)
    if any(dimension < 0 for dimension in dimensions):
        raise ValueError(f"shape must not be negative, but is {dimensions}")
    block = heap.alloc(math.prod(dimensions) * kind.itemsize, align=ALIGN, zero=zero)
    # The array keeps the memoryview, that keeps the Pin, and that keeps the block.
    return np.ndarray(dimensions, kind, buffer=block.view())
