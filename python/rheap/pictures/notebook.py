"""What notebooks show of heaps, blocks and figures: the pictures, beside what the objects say."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Protocol

from .. import _core
from .._core import WORD_BYTES
from ..errors import HeapError
from ..reports import BlockState, HeapStats, Leaks
from .heapmap import FEW_BLOCKS, HeapMap
from .palette import FENCE, WILDERNESS, WORD
from .svg import ROW, WHOLE_WIDTH, WIDTH, bar, framed, legend, map_svg

_AROUND = 128  # bytes beside a block, and an eighth of its size


class Mapped(Protocol):
    """Whatever has a map, as heaps do."""

    def map(self) -> HeapMap: ...


def heap_html(heap: Mapped) -> str:
    """The heap's map, or why there is none."""
    try:
        return f"<div>{_code(heap)}<br>{map_svg(heap.map())}</div>"
    except HeapError as error:
        return f"<div>{_code(heap)}<br>{escape(str(error))}</div>"


def block_html(block: _core.Block) -> str:
    """What a block says of itself, and where it lies: its part of the heap, framed."""
    try:
        start, stop = block.offset - 8, block.offset + block.capacity
        around = _AROUND + block.capacity // 64 * 8
        snapshot = _core.snapshot_around(block, around, FEW_BLOCKS)
    except HeapError:  # freed, or the heap is damaged
        return _code(block)
    region = _core.FIRST_BLOCK, _core.FIRST_BLOCK + snapshot.figures["capacity"]
    part = max(start - around, region[0]), min(stop + around, region[1])
    picture = map_svg(HeapMap(snapshot, part=part), focus=start + 8)
    return f"<div>{_code(block)}<br>{picture}</div>"


def stats_html(stats: HeapStats) -> str:
    """The figures as a table, below a bar that shows what the bytes of the heap are."""
    table = "".join(_row("td", filter(None, row)) for row in stats.rows())
    return f"<div>{_bar(stats)}{_table('rheap.HeapStats', table)}</div>"


def leaks_html(leaks: Leaks) -> str:
    """Who holds the live blocks, as a table."""
    if not leaks:
        return f"<code>{escape(str(leaks))}</code>"
    heads = ("bytes", "blocks", "lingering", "waiting", "allocated at")
    rows = [
        (f"{each.bytes:,}", f"{each.blocks:,}", f"{each.lingering:,}", f"{each.waiting:,}",
         each.site or "unknown; a heap with debug=True knows the lines that allocated its blocks")
        for each in leaks
    ]  # fmt: skip
    table = "".join(_row("td", row) for row in rows)
    return _table("rheap.Leaks", _row("th", heads) + table)


def _table(caption: str, rows: str) -> str:
    style = 'style="font:12px ui-monospace,monospace;text-align:right;border-spacing:12px 1px"'
    return f"<table {style}><caption>{caption}</caption>{rows}</table>"


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _bar(stats: HeapStats) -> str:
    seen = stats.pinned_bytes + stats.exposed_bytes + stats.lingering_bytes
    words = WORD_BYTES * (stats.live_blocks + stats.free_blocks)
    parts = {
        WORD: words,
        BlockState.LIVE: stats.live_bytes - seen,
        BlockState.PINNED: stats.pinned_bytes,
        BlockState.EXPOSED: stats.exposed_bytes,
        BlockState.LINGERING: stats.lingering_bytes,
        FENCE: stats.overhead_bytes - words,
        BlockState.DEFERRED: stats.deferred_bytes,
        BlockState.FREE: stats.free_bytes - stats.deferred_bytes,
        WILDERNESS: stats.wilderness_bytes,
    }
    shapes, x = "", 0.0
    for kind, bytes_ in parts.items():
        if bytes_ > 0:
            width = WIDTH * bytes_ / stats.capacity
            shapes += bar(kind, f"{bytes_:,} bytes", x, 0, width)
            x += width
    named = legend([kind for kind, bytes_ in parts.items() if bytes_ > 0], ROW + 18)
    return framed(WHOLE_WIDTH, ROW + 24, shapes + "".join(named))


def _code(thing: object) -> str:
    return f"<code>{escape(repr(thing))}</code>"
