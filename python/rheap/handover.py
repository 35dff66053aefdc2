"""Blocks and arrays of a shared heap on their way to another process.

A ticket is what the core writes (the heap, the object, the ticket: 32 bytes), and behind that, for
an array, how it lies in its block: flags and number of dimensions (a byte each), the bytes of the
dtype's description (4), the offset in the block (8), shape and strides (8 each), the description.
"""

from __future__ import annotations

import ast
import struct
import sys

from . import _core
from .attached import attached_heap, known_heap
from .errors import ForeignBlock
from .numpy_interface import NUMBERS, use_interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy

    from .attached import Attached

_LAYOUT = struct.Struct("<BBIq")
_READ_ONLY = 1
_NO_TICKET = (
    *(ValueError, TypeError, SyntaxError, KeyError, IndexError, AttributeError, struct.error),
    *(RecursionError, MemoryError, OverflowError, Warning),  # NumPy warns of some dtypes
)
"""What reading random bytes as a dtype may raise."""


def make_ticket(heap: _core.Heap, what: object) -> bytes:
    """See `SharedHeap.ticket`: for all that is not made in compiled code."""
    block = what if isinstance(what, _core.Block) else block_behind(what)
    if block is None or _core.shared_heap_of(block) != heap._id:
        raise ForeignBlock(0 if block is None else block.offset)
    return _ticket_for(block, what)


def _ticket_for(block: _core.Block, what: object) -> bytes:
    if what is block:
        return _core.send(block)
    layout = _layout_of(what, block)  # first: it may be refused
    return _core.send(block) + layout


def take_ticket(heap: _core.Heap, ticket: bytes) -> Any:
    """See `SharedHeap.redeem`: for all that is not redeemed in compiled code."""
    ticket = bytes(memoryview(ticket))
    if len(ticket) <= _core.TICKET_BYTES:
        return _core.claim(heap, ticket)
    shape, strides, dtype, offset, read_only = _parsed(ticket)  # first: it may be no ticket
    import numpy as np

    teach_arrays()  # perhaps NumPy was not there before
    block = _core.claim(heap, ticket)
    # NumPy's own sums can overflow, and of a buffer without bytes it looks at nothing.
    if not _core.lies_in(block.size, offset, dtype.itemsize, shape, strides):
        raise ValueError(
            f"these {len(ticket)} bytes are no ticket: its array is not within its block"
        )
    array = np.ndarray(shape, dtype, block.view(), offset, strides)
    if read_only:
        array.flags.writeable = False
    return array


def block_behind(array: object) -> _core.Block | None:
    """The Block in which an array's items lie, if they lie in one."""
    numpy = sys.modules.get("numpy")
    while True:
        if numpy is not None and isinstance(array, numpy.ndarray):
            array = array.base
        elif isinstance(array, memoryview):
            array = array.obj
        elif isinstance(array, _core.Pin):
            return array.block
        elif hasattr(array, "__array_interface__") and hasattr(array, "base"):
            array = array.base  # what as_strided puts in between
        else:
            return array if isinstance(array, _core.Block) else None


def _layout_of(array: Any, block: _core.Block) -> bytes:
    if not hasattr(array, "strides") or not hasattr(array, "dtype"):
        raise TypeError(f"a ticket is for a Block or an array, not {type(array).__name__}")
    dtype = _text_of(array.dtype)
    flags = 0 if array.flags.writeable else _READ_ONLY
    offset = _core.offset_in(block, array.__array_interface__["data"][0])
    return (
        _LAYOUT.pack(flags, array.ndim, len(dtype), offset)
        + struct.pack(f"<{2 * array.ndim}q", *array.shape, *array.strides)
        + dtype
    )


def _parsed(ticket: bytes) -> tuple[tuple[int, ...], tuple[int, ...], Any, int, bool]:
    """Shape, strides, dtype, offset in the block, and whether it is read-only."""
    try:
        at = _core.TICKET_BYTES
        flags, dimensions, dtype_bytes, offset = _LAYOUT.unpack_from(ticket, at)
        at += _LAYOUT.size
        numbers = struct.unpack_from(f"<{2 * dimensions}q", ticket, at)
        text = ticket[at + 16 * dimensions :]
        if flags > _READ_ONLY or len(text) != dtype_bytes:
            raise ValueError("its parts do not fit")
        return (
            numbers[:dimensions],
            numbers[dimensions:],
            _dtype_of(text),
            offset,
            flags == _READ_ONLY,
        )
    except _NO_TICKET as error:
        raise ValueError(f"these {len(ticket)} bytes are no ticket: {error}") from None


def _text_of(dtype: numpy.dtype[Any]) -> bytes:
    if dtype.names is None and dtype.subdtype is None:
        text: bytes = dtype.str.encode()
        lasts = dtype.isbuiltin == 1 and dtype.isnative and dtype.kind in NUMBERS
        if lasts and use_interface():
            _core.remember_text(dtype, dtype.itemsize, text)
        return text
    from numpy.lib.format import dtype_to_descr

    return repr(dtype_to_descr(dtype)).encode()


def _dtype_of(text: bytes) -> numpy.dtype[Any]:
    import numpy as np
    from numpy.lib.format import descr_to_dtype

    description = text.decode()
    plain = description[:1] not in ("[", "(", "'")
    dtype = np.dtype(description) if plain else descr_to_dtype(ast.literal_eval(description))
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    _text_of(dtype)  # so that it is remembered
    return dtype


_core.use_tickets(make_ticket, take_ticket)

# --- multiprocessing ------------------------------------------------------------------------------


def teach_multiprocessing() -> None:
    """From here on multiprocessing's pickler hands over blocks and arrays of shared heaps."""
    from multiprocessing.reduction import ForkingPickler

    ForkingPickler.register(_core.Block, _reduce_block)
    teach_arrays()


def teach_arrays() -> None:
    """The same for arrays, once there can be any."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "ndarray"):
        return
    from multiprocessing.reduction import ForkingPickler

    ForkingPickler.register(numpy.ndarray, _reduce_array)


def _reduce_block(block: _core.Block) -> tuple[Any, ...]:
    identity = _core.shared_heap_of(block)
    if not identity:
        return block.__reduce__()  # raises TypeError
    return _reduced(identity, block, block)


def _reduce_array(array: numpy.ndarray[Any, Any]) -> Any:
    # It meets every array that multiprocessing pickles, and does to others what NumPy does.
    block = None if array.base is None else block_behind(array.base)
    identity = 0 if block is None else _core.shared_heap_of(block)
    if block is None or not identity:
        return array.__reduce__()
    return _reduced(identity, block, array)


def _reduced(identity: int, block: _core.Block, what: object) -> tuple[Any, ...]:
    from multiprocessing.context import get_spawning_popen

    # A process that is being started gets the heap, too: it may not have it yet.
    heap = known_heap(identity) if get_spawning_popen() is not None else None
    return _redeem_unpickled, (identity, heap, _ticket_for(block, what))


def _redeem_unpickled(identity: int, heap: Attached | None, ticket: bytes) -> object:
    return (heap or attached_heap(identity)).redeem(ticket)
