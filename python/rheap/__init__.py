"""A memory heap: one region, blocks that free themselves, views that do not dangle."""

from . import _core, errors
from .format import sizes

_core.use_errors({name: vars(errors)[name] for name in errors.__all__})
_core.use_sizes(sizes)

from ._core import Block, Pin  # noqa: E402
from .default import init_heap, r_alloc, r_defrag, r_free  # noqa: E402
from .errors import (  # noqa: E402
    BlockFreed,
    BlockPinned,
    ForeignBlock,
    HeapClosed,
    HeapCorruption,
    HeapError,
    HeapExhausted,
    TraceError,
    WrongChoice,
)
from .heap import Heap  # noqa: E402
from .pictures.heapmap import HeapMap  # noqa: E402
from .reports import BlockInfo, BlockState, HeapStats, Holder, Leaks  # noqa: E402

TRACEMALLOC_DOMAIN = _core.TRACEMALLOC_DOMAIN
"""The domain of blocks in tracemalloc, for `tracemalloc.DomainFilter(True, ...)`."""

__version__ = _core.__version__

__all__ = [
    "TRACEMALLOC_DOMAIN",
    "Block",
    "BlockFreed",
    "BlockInfo",
    "BlockPinned",
    "BlockState",
    "ForeignBlock",
    "Heap",
    "HeapClosed",
    "HeapCorruption",
    "HeapError",
    "HeapExhausted",
    "HeapMap",
    "HeapStats",
    "Holder",
    "Leaks",
    "Pin",
    "TraceError",
    "WrongChoice",
    "init_heap",
    "r_alloc",
    "r_defrag",
    "r_free",
]
