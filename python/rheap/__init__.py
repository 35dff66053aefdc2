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
from .pictures import notebook  # noqa: E402
from .pictures.heapmap import HeapMap  # noqa: E402
from .reports import BlockInfo, BlockState, HeapStats, Holder, Leaks  # noqa: E402

TRACEMALLOC_DOMAIN = _core.TRACEMALLOC_DOMAIN
"""The domain of blocks in tracemalloc, for `tracemalloc.DomainFilter(True, ...)`."""

__version__ = _core.__version__

# Notebooks show pictures, which know reports and errors, but neither of them nor the compiled part
# knows pictures. They are imported with the package: a child forked while a thread imports them
# would wait for that thread.
Heap._repr_html_ = notebook.heap_html  # type: ignore[attr-defined]
HeapStats._repr_html_ = notebook.stats_html  # type: ignore[attr-defined]
_core.use_block_html(notebook.block_html)

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
