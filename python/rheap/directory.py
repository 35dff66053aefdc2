"""The directory of a shared heap: names that stand for arrays, replaced as a whole."""

from __future__ import annotations

import contextlib
import time

from . import _core
from .arrays import ALIGN
from .errors import BlockGone, ForeignBlock
from .format.numbers import parse_seconds
from .handover import block_behind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    Directory: TypeAlias = Any
    """A SharedHeap, which stands above this module."""

_LONGEST_SLEEP = 1.0  # seconds, after which a waiter looks whether it was interrupted


def key_of(name: object) -> bytes:
    """The bytes that stand for a name. Raises `TypeError` unless it is a str."""
    if not isinstance(name, str):
        raise TypeError(f"a name in the directory is a str, not {type(name).__name__}")
    return name.encode("utf-8", "surrogatepass")


def publish(heap: Directory, name: str, what: Any) -> None:
    """See `SharedHeap.__setitem__`."""
    key = key_of(name)
    try:
        ticket = heap.ticket(what)
    except ForeignBlock:
        what = _copied(heap, what)
        ticket = heap.ticket(what)
    try:
        _core.publish(heap, key, ticket, block_behind(what))
    except BaseException:
        with contextlib.suppress(BlockGone):
            heap.redeem(ticket)  # and dropped: nobody was told of it
        raise


def find(heap: Directory, name: str) -> Any:
    """See `SharedHeap.__getitem__`; raises `KeyError`."""
    key = key_of(name)
    before = None
    while (ticket := _core.look_up(heap, key)) is not None:
        try:
            return heap.redeem(ticket)
        except BlockGone:
            if ticket == before:  # it should have it: the directory is damaged
                raise
            before = ticket  # another array took its place just now
    raise KeyError(name)


def wait(heap: Directory, name: str, timeout: float | None, newer: Any) -> Any:
    """See `SharedHeap.wait`."""
    key = key_of(name)
    known = None if newer is None else _block_of(newer)
    deadline = None if timeout is None else time.monotonic() + parse_seconds(timeout, "timeout")
    while True:
        seen = _core.published(heap)  # first: what comes after it ends the sleep
        value = _core.look_up(heap, key)
        if value is not None and (known is None or not _core.is_published_as(heap, known, value)):
            with contextlib.suppress(KeyError):
                return find(heap, name)
        left = _LONGEST_SLEEP if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(
                f"nothing {'newer ' if newer is not None else ''}was published under {name!r} "
                f"in {timeout} seconds"
            )
        _core.wait_for_more(heap, seen, int(min(left, _LONGEST_SLEEP) * 1e6))


def names(heap: Directory) -> list[str]:
    """All of one moment."""
    return [name.decode("utf-8", "surrogatepass") for name in _core.names(heap)]


def _block_of(newer: Any) -> _core.Block | None:
    """The Block that `newer` is or lies in; None for one that no heap has."""
    block = block_behind(newer)
    if block is None and not hasattr(newer, "__array_interface__"):
        raise TypeError(f"newer must be an array or a Block, not {type(newer).__name__}")
    return block


def _copied(heap: Directory, what: Any) -> Any:
    """A copy of a Block or an array in this heap, laid out as that is."""
    if isinstance(what, _core.Block):
        block = heap.alloc(what.size)
        block[:] = what
        return block
    import numpy as np

    if not isinstance(what, np.ndarray):
        raise TypeError(f"the directory has arrays and Blocks, not {type(what).__name__}")
    if what.dtype.hasobject:
        raise TypeError(f"dtype {what.dtype} holds Python objects, which a heap cannot keep")
    order: Literal["F", "C"] = (
        "F" if what.flags.f_contiguous and not what.flags.c_contiguous else "C"
    )
    view = heap.alloc(what.nbytes, align=ALIGN).view()
    copy: Any = np.ndarray(what.shape, what.dtype, view, order=order)
    copy[...] = what
    copy.flags.writeable = what.flags.writeable
    return copy
