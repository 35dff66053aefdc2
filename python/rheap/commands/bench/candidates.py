"""What is compared, and by which statements."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DROP = "allocate, drop"
VIEW = "allocate, view, drop"
WITH = "with"
TOUCH = "allocate, touch every page, drop"
ARRAY = "make an array, drop"
FILL = "make an array, write all of it, drop"
FIRST = "make an array, write all of it in new pages, drop"

# malloc has new pages for each array that is larger: no threshold of its own goes higher.
NEW_PAGES_ABOVE = 32 << 20

OURS = "rheap"
_SHARED = "/dev/shm"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to get memory: its name, the expression that does it, what must be imported for it,
    and a statement for each operation that it has.

    In these `{n}` stands for the bytes, `page` for the bytes of a page, `ones` for a byte a page.
    """

    name: str
    expression: str
    imports: str
    statements: Mapping[str, str]

    def does(self, operation: str, size: int) -> bool:
        """Whether it has the operation, and means by it at that size what the others mean."""
        if operation == FIRST and size <= NEW_PAGES_ABOVE:
            return False
        return operation in self.statements and self.fits(size)

    def fits(self, size: int) -> bool:
        """Whether the system can give it that many bytes; what it cannot it ends with SIGBUS."""
        if "SharedMemory" not in self.expression:
            return True
        room = os.statvfs(_SHARED)
        return room.f_bavail * room.f_frsize >= 2 * size


def _plain(
    name: str,
    expression: str,
    imports: str,
    *,
    has_with: bool = False,
    cast: str = "",
    array: str = "",
    trim: str = "",
) -> Candidate:
    """One whose memory goes with the last reference, and that a memoryview takes."""
    statements = {
        DROP: expression,
        VIEW: f"memoryview({expression})",
        WITH: f"with {expression}: pass" if has_with else expression,
        TOUCH: f"memoryview({expression}){cast}[::page] = ones",
    }
    if array:
        statements |= {ARRAY: array, FILL: f"{array}.fill(1)", FIRST: f"{array}.fill(1){trim}"}
    return Candidate(name, expression, imports, statements)


def _around(name: str, expression: str, imports: str, view: str, end: str) -> Candidate:
    """One that makes its views by itself, and must outlive them."""
    statements = {
        DROP: f"it = {expression}; {end}",
        VIEW: f"it = {expression}; view = {view}; del view; {end}",
        WITH: f"it = {expression}; {end}",
        TOUCH: f"it = {expression}; {view}[::page] = ones; {end}",
    }
    return Candidate(name, expression, imports, statements)


ALL = (
    _plain(
        OURS,
        "heap.alloc({n})",
        "",
        has_with=True,
        array="heap.array({n}, 'u1')",
        trim="; heap.trim()",
    ),
    _plain("bytearray", "bytearray({n})", ""),
    _plain("numpy", "numpy.empty({n}, 'u1')", "import numpy", array="numpy.empty({n}, 'u1')"),
    _plain("mmap", "mmap.mmap(-1, {n})", "import mmap", has_with=True),
    _around(
        "mp.heap",
        "BufferWrapper({n})",
        "from multiprocessing.heap import BufferWrapper",
        view="it.create_memoryview()",
        end="del it",
    ),
    _around(
        "mp.shared",
        "SharedMemory(create=True, size={n})",
        "from multiprocessing.shared_memory import SharedMemory",
        view="it.buf",
        end="it.close(); it.unlink()",
    ),
    _plain("pyarrow", "pyarrow.allocate_buffer({n})", "import pyarrow", cast=".cast('B')"),
)


def installed() -> tuple[list[Candidate], dict[str, Any]]:
    """The candidates that are there, and the names that their statements use."""
    there = []
    names: dict[str, Any] = {}
    for candidate in ALL:
        with contextlib.suppress(ImportError):
            exec(candidate.imports, names)
            there.append(candidate)
    return there, names


def pages(size: int) -> dict[str, Any]:
    """The names that a statement uses to write a byte to every page of `size` bytes."""
    return {"page": mmap.PAGESIZE, "ones": b"\1" * -(-size // mmap.PAGESIZE)}
