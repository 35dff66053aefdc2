"""A placement policy of one's own: a Python function that is given the holes and takes one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from typing import NamedTuple

from ..format.names import printable


class Hole(NamedTuple):
    """Bytes that no block has: a free block, or the wilderness.

    `offset`: where it starts, bytes from the region's base as everywhere (the first block's word is
    at +0x4ff8); a block that goes to its start has `offset + 8`, that of its payload. `size`:
    bytes; a block that takes all of them has 8 less for its payload.
    """

    offset: int
    size: int

    def __repr__(self) -> str:
        """As the pictures write it. (What a policy answers may be anything.)"""
        known = isinstance(self.offset, int) and self.offset >= 0
        place = f"+0x{self.offset:x}" if known else f"{self.offset!r}"
        return f"Hole({place}, {self.size!r} bytes)"


Choose = Callable[[int, list[Hole]], object]


class PolicyError(Exception):
    """The policy's function raised an exception: the `__cause__` of this one, whose traceback
    begins in the user's own code."""


@dataclass(frozen=True, slots=True)
class OwnPolicy:
    """A function `choose(size, holes)` from a file.

    `size` is what the block needs in bytes, its word included; `holes`, at least one, come in
    address order, the wilderness last. It returns one of them, or None to refuse. With deferred
    coalescing a freed block of the very size is taken without asking, others are no holes before
    they were merged, and while there are any to merge the wilderness is not offered yet: None then
    means to merge, and the function is asked again.
    """

    name: str
    function: Choose

    def __call__(self, size: int, places: list[tuple[int, int]]) -> object:
        """What the function returns; `places` are the offsets and sizes of the holes."""
        try:
            return self.function(size, list(map(Hole._make, places)))
        except Exception as error:
            raise PolicyError from _from_the_user(error)


def load_policy(written: str) -> OwnPolicy:
    """The policy `FILE.py:FUNCTION`.

    Raises `ValueError` when there is no such function, `OSError` when there is no such file,
    `PolicyError` for what the file raises.
    """
    path, _, name = written.rpartition(":")
    with open(path, "rb") as file:
        source = file.read()
    try:
        function = _names_of(path, source).get(name)
    except Exception as error:
        raise PolicyError from _from_the_user(error)
    if not callable(function):
        raise ValueError(
            f"{printable(path)} has no function {name!r}; a policy is FILE.py:FUNCTION"
        )
    return OwnPolicy(printable(f"{os.path.basename(path)}:{name}"), function)


def _names_of(path: str, source: bytes) -> dict[str, object]:
    """Runs the file as a module that nobody imports; leaves no bytecode beside it."""
    name = "<policy>"
    module = module_from_spec(ModuleSpec(name, SourceFileLoader(name, path), origin=path))
    vars(module)["__file__"] = path
    exec(compile(source, path, "exec", dont_inherit=True), vars(module))
    return vars(module)


def _from_the_user(error: Exception) -> Exception:
    """The error without the frames through which the user's code was called."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals is globals():
        frames = frames.tb_next
    return error.with_traceback(frames)
