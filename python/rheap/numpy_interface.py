"""NumPy's own C interface, by which compiled code makes arrays."""

from __future__ import annotations

import sys

from . import _core

NUMBERS = "biufc"
"""The kinds of dtypes that are plain numbers."""


def use_interface() -> bool:
    """Has compiled code make arrays by itself, where it knows this NumPy."""
    import numpy as np

    return _core.use_numpy(_interface(), np.ndarray, np.dtype)


def _interface() -> object:
    """The capsule of NumPy's C interface, where it was in NumPy 2 or before; None elsewhere."""
    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        if (module := sys.modules.get(name)) is not None:
            return getattr(module, "_ARRAY_API", None)
    return None
