"""A memory heap: one region, blocks that free themselves, views that do not dangle."""

from . import _core, arrays, errors
from .format import sizes

_core.use_errors({name: vars(errors)[name] for name in errors.__all__})
_core.use_sizes(sizes)
_core.use_array_maker(arrays.make_array)

from ._core import Block, Pin  # noqa: E402
from .default import init_heap, r_alloc, r_defrag, r_free  # noqa: E402
from .errors import (  # noqa: E402
    BlockFreed,
    BlockGone,
    BlockPinned,
    BlockShared,
    ForeignBlock,
    HeapBusy,
    HeapClosed,
    HeapCorruption,
    HeapError,
    HeapExhausted,
    HeapMismatch,
    LingeringWarning,
    TraceError,
    WrongChoice,
)
from .heap import Heap  # noqa: E402
from .loading import no_fork  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .looking import (
        BlockInfo,
        Blocks,
        BlockState,
        CompactionTerms,
        CompactReport,
        HeapMap,
        HeapStats,
        Holder,
        Leaks,
        ProcessInfo,
        TicketInfo,
    )
    from .shared_heap import SharedHeap

TRACEMALLOC_DOMAIN = _core.TRACEMALLOC_DOMAIN
"""The domain of blocks in tracemalloc, for `tracemalloc.DomainFilter(True, ...)`."""

__version__ = _core.__version__

_LOOKED_AT = (
    "BlockInfo",
    "BlockState",
    "Blocks",
    "CompactReport",
    "CompactionTerms",
    "HeapMap",
    "HeapStats",
    "Holder",
    "Leaks",
    "ProcessInfo",
    "TicketInfo",
)


def __getattr__(name: str) -> object:
    """Reports, pictures and shared heaps, which most programs that allocate do not need."""
    found: object
    with no_fork:
        if name == "SharedHeap":
            from .shared_heap import SharedHeap

            found = SharedHeap
        elif name in _LOOKED_AT:
            from . import looking

            found = getattr(looking, name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def _heap_html(heap: Heap) -> str:
    with no_fork:
        from .looking import heap_html
    return heap_html(heap)


def _block_html(block: Block) -> str:
    with no_fork:
        from .looking import block_html
    return block_html(block)


# Notebooks show pictures, which neither heaps nor the compiled part know.
Heap._repr_html_ = _heap_html  # type: ignore[attr-defined]
_core.use_block_html(_block_html)

__all__ = [
    "TRACEMALLOC_DOMAIN",
    "Block",
    "BlockFreed",
    "BlockGone",
    "BlockInfo",
    "BlockPinned",
    "BlockShared",
    "BlockState",
    "Blocks",
    "CompactReport",
    "CompactionTerms",
    "ForeignBlock",
    "Heap",
    "HeapBusy",
    "HeapClosed",
    "HeapCorruption",
    "HeapError",
    "HeapExhausted",
    "HeapMap",
    "HeapMismatch",
    "HeapStats",
    "Holder",
    "Leaks",
    "LingeringWarning",
    "Pin",
    "ProcessInfo",
    "SharedHeap",
    "TicketInfo",
    "TraceError",
    "WrongChoice",
    "init_heap",
    "r_alloc",
    "r_defrag",
    "r_free",
]
