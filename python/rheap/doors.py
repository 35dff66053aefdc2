"""Counts the references that a call which closes a block accounts for.

Some consumers of a block keep its address and nothing but a reference to the Block. So when a
block whose address was handed out is closed, its memory returns at once only if the closing call
itself explains every reference. How many those are depends on the call and on the Python that
runs it, so each form of each call is tried here, once, on import; the least that was seen counts.
Too low a count only delays the return of memory, too high a one would leave a view dangling.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from . import _core


class Make:
    """Makes small blocks of a heap of its own."""

    def __init__(self) -> None:
        self.heap = _core.Heap(
            4096, prefault=False, immediate=False, policy="segregated", debug=False
        )

    def __call__(self) -> _core.Block:
        return self.heap.alloc(8)


def _with_name(make: Make) -> None:
    with make() as block:
        _hand_out(block)


def _with_name_and_exception(make: Make) -> None:
    with contextlib.suppress(LookupError), make() as block:
        _hand_out(block)
        raise LookupError


def _with_name_in_coroutine(make: Make) -> None:
    async def use() -> None:
        with make() as block:
            _hand_out(block)

    with contextlib.suppress(StopIteration):
        use().send(None)


_AT_MODULE_LEVEL = compile("with make() as block: hand_out(block)", __name__, "exec")


def _with_name_at_module_level(make: Make) -> None:
    exec(_AT_MODULE_LEVEL, {"make": make, "hand_out": _hand_out})


def _with_outer_name(make: Make) -> None:
    block = make()
    with block:
        _hand_out(block)


def _exit_temporary(make: Make) -> None:
    _exposed(make).__exit__(None, None, None)


def _free_temporary(make: Make) -> None:
    _exposed(make).free()


def _heap_free_temporary(make: Make) -> None:
    make.heap.free(_exposed(make))


def _hand_out(block: _core.Block) -> None:
    b"".join([block])  # a plain buffer request that keeps nothing


def _exposed(make: Make) -> _core.Block:
    block = make()
    _hand_out(block)
    return block


_FORMS: dict[str, tuple[Callable[[Make], None], ...]] = {
    "leave with": (
        _with_name,
        _with_name_and_exception,
        _with_name_in_coroutine,
        _with_name_at_module_level,
        _with_outer_name,
    ),
    "call __exit__": (_exit_temporary,),
    "block.free": (_free_temporary,),
    "heap.free": (_heap_free_temporary,),
}


def measure() -> dict[str, int]:
    """Tries every form of every door and returns the least count by door."""
    make = Make()
    least = {}
    for door in _core.doors():
        seen = []
        for form in _FORMS[door]:
            form(make)
            seen.append(_core.last_references())
        least[door] = min(seen)
    return least


def calibrate() -> None:
    """Sets what `measure` finds."""
    for door, references in measure().items():
        _core.account_for(door, references)
