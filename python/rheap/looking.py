"""What people look at: reports and pictures, and which notebooks show. Imported on demand."""

from __future__ import annotations

import copyreg
from dataclasses import astuple

from .pictures.heapmap import FEW_BLOCKS, HeapMap
from .pictures.notebook import block_html, heap_html, leaks_html, stats_html
from .reports import (
    BlockInfo,
    Blocks,
    BlockState,
    CompactionTerms,
    CompactReport,
    HeapStats,
    Holder,
    Leaks,
    ProcessInfo,
    TicketInfo,
)

__all__ = [
    "FEW_BLOCKS",
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
    "block_html",
    "heap_html",
]

# Reports know no pictures, so what notebooks show of them is attached here.
HeapStats._repr_html_ = stats_html  # type: ignore[attr-defined]
Leaks._repr_html_ = leaks_html  # type: ignore[attr-defined]


def stats_of(*figures: float) -> HeapStats:
    """The figures that were pickled. It stands here so that whoever unpickles them loads the
    picture, too."""
    return HeapStats(*figures)  # type: ignore[arg-type]


copyreg.pickle(HeapStats, lambda stats: (stats_of, astuple(stats)))
