"""The picture of a region: what lies where, and how that is drawn as text."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from . import _core
from .palette import FENCE, WILDERNESS, WORD
from .reports import BlockInfo, BlockState, HeapStats
from .sizes import format_size
from .wordview import word_lines

LEGEND: dict[str, tuple[str, str]] = {
    WORD: ("|", "word"),
    BlockState.LIVE: ("#", "live"),
    BlockState.PINNED: ("P", "pinned"),
    BlockState.HANDED_OUT: ("H", "handed out"),
    BlockState.LINGERING: ("L", "lingering"),
    FENCE: ("!", "fence"),
    BlockState.DEFERRED: ("-", "freed, unmerged"),
    BlockState.FREE: (".", "free"),
    WILDERNESS: ("~", "wilderness"),
}
"""By kind: the sign that draws it, and what it is called."""

_WORD_BYTES = 8  # also the smallest cell
_FENCE_BYTES = 8
_MOST_ROWS = 8
_WIDE = 4  # cells: a block as wide as that shows its word at any scale
_HARD_SPACE = "\0"  # textwrap breaks at any other


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes that are one thing.

    From `start` to before `end`, offsets from the region's base; `kind` is a key of `LEGEND`.
    `block`: whose bytes they are.
    """

    start: int
    end: int
    kind: str
    block: BlockInfo | None = None

    def within(self, start: int, end: int) -> Span:
        """The part of it between two offsets."""
        if start <= self.start and self.end <= end:
            return self
        return replace(self, start=max(self.start, start), end=min(self.end, end))


@dataclass(frozen=True, slots=True)
class RegionMap:
    """What lies where in a region: `spans` tile it from its first block to its end."""

    spans: tuple[Span, ...]

    @classmethod
    def of_blocks(cls, blocks: Iterable[BlockInfo], capacity: int) -> RegionMap:
        """The blocks of a region of `capacity` bytes, without fences."""
        return cls(tuple(_spans(blocks, capacity, False)))

    def cells(self, bytes_per_cell: int, most: int) -> list[str]:
        """The kind that fills the larger part of each cell, for the first `most` cells.

        A cell of 8 bytes is one kind and no other. Of kinds that fill the same part of a larger
        cell the one that begins first counts.
        """
        origin = self.spans[0].start
        parts: list[Counter[str]] = []
        for span in self.spans:
            first = (span.start - origin) // bytes_per_cell
            last = (span.end - origin - 1) // bytes_per_cell
            for cell in range(first, min(last + 1, most)):
                begin = origin + cell * bytes_per_cell
                if cell == len(parts):
                    parts.append(Counter())
                inside = min(span.end, begin + bytes_per_cell) - max(span.start, begin)
                parts[cell][span.kind] += inside
        return [part.most_common(1)[0][0] for part in parts]

    def draw(self, width: int) -> str:
        """The picture as lines and legend, of at most `width` columns (20 at the least)."""
        width = max(width, 20)
        origin, end = self.spans[0].start, self.spans[-1].end
        margin = len(f"+0x{end:x} ")
        columns = width - margin if width - margin < 8 else (width - margin) // 8 * 8
        # The finest scale at which all that was ever in use fits; the wilderness may be cut off.
        used = next((span.start for span in self.spans if span.kind == WILDERNESS), end) - origin
        scale = _WORD_BYTES
        while -(-used // scale) > _MOST_ROWS * columns:
            scale *= 2
        rows = max(-(-used // (scale * columns)), 1)
        cells = self.cells(scale, rows * columns)
        for cell in self._word_cells(scale):
            cells[cell] = WORD
        lines = []
        for at in range(0, len(cells), columns):
            signs = "".join(LEGEND[kind][0] for kind in cells[at : at + columns])
            lines.append(f"+0x{origin + at * scale:x}".ljust(margin) + signs)
        legend = [f"a cell is {format_size(scale)}".replace(" B", " bytes")]
        legend += [f"{sign} {name}" for kind, (sign, name) in LEGEND.items() if kind in cells]
        whole = "   ".join(item.replace(" ", _HARD_SPACE) for item in legend)
        lines += [line.replace(_HARD_SPACE, " ") for line in _wrap(whole, width)]
        return "\n".join(lines)

    def _word_cells(self, bytes_per_cell: int) -> Iterator[int]:
        """Where the words of wide blocks are, so that neighbours of one kind can be told apart."""
        origin = self.spans[0].start
        for word, payload in pairwise(self.spans):
            wide = payload.end - word.start >= _WIDE * bytes_per_cell
            if word.kind == WORD and wide:
                yield (word.start - origin) // bytes_per_cell


@dataclass(frozen=True, slots=True)
class HeapMap(RegionMap):
    """A picture of a region at one moment. `str(map)` draws it to the terminal's width.

    `spans` tile the region from its first block to its end, or the part of it that was asked for.
    `stats` are of the same moment, and of the whole heap. `words`: the bytes of a part that is
    small enough to show them, 8 at a time.

    >>> from rheap import Heap
    >>> heap = Heap(256)
    >>> kept, dropped = heap.alloc(40), heap.alloc(24)
    >>> dropped.free()
    >>> print(heap.map().draw(60))
    +0x4ff8 |#####|---~~~~~~~~~~~~~~~~~~~~~~
    a cell is 8 bytes   | word   # live   - freed, unmerged
    ~ wilderness
    256 B: 40 B live in 1 block, 24 B freed in 1 block, 176 B
    wilderness, largest hole 200 B, fragmentation 0.0%
    """

    stats: HeapStats
    words: tuple[int, ...] = ()

    @classmethod
    def of(cls, blocks: Iterable[BlockInfo], stats: HeapStats, *, debug: bool) -> HeapMap:
        """The picture of these blocks; `debug` heaps have a fence behind each live one."""
        return cls(tuple(_spans(blocks, stats.capacity, debug)), stats)

    def zoom(self, offset: int, length: int) -> HeapMap:
        """The part of it from `offset` on, `length` bytes, as far as the region goes.

        Where a payload starts at `offset`, its word comes along. Raises `ValueError` for an offset
        outside the region or a length of nothing.
        """
        first, end = self.spans[0].start, self.spans[-1].end
        if not first <= offset < end or length < 1:
            raise ValueError(
                f"a map of {length} bytes from {offset} shows nothing: the region goes from "
                f"{first} to {end}"
            )
        start = offset - offset % _WORD_BYTES
        if any(span.start == start and span.kind not in (WORD, WILDERNESS) for span in self.spans):
            start -= _WORD_BYTES
        stop = min(-(-(offset + length) // _WORD_BYTES) * _WORD_BYTES, end)
        spans = (span for span in self.spans if span.start < stop and span.end > start)
        return replace(self, spans=tuple(span.within(start, stop) for span in spans))

    def draw(self, width: int) -> str:
        """The picture as lines of at most `width` columns (20 at the least)."""
        width = max(width, 20)
        if self.words:
            lines = word_lines(self.spans, self.words, self.spans[0].start)
            picture = "\n".join(part for line in lines for part in _fold(line, width))
        else:
            picture = RegionMap.draw(self, width)  # super() does not know a class with slots
        return "\n".join([picture, *_wrap(self.figures, width)])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the picture to an SVG file. Raises `ValueError` for any other ending."""
        if os.path.splitext(os.fspath(path))[1].lower() != ".svg":
            raise ValueError(f"a map is saved as .svg, not {os.fspath(path)!r}")
        from .svg import map_svg

        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(map_svg(self, standalone=True))

    def _repr_html_(self) -> str:
        from .svg import map_svg

        return map_svg(self)

    def __rich__(self) -> object:
        from .terminal import painted_map

        return painted_map(str(self))

    @property
    def figures(self) -> str:
        """The figures of the whole heap in a line."""
        stats = self.stats
        lingering = f" ({format_size(stats.lingering_bytes)} lingering)"
        return (
            f"{format_size(stats.capacity)}: "
            f"{format_size(stats.live_bytes)} live in {_blocks(stats.live_blocks)}"
            f"{lingering if stats.lingering_blocks else ''}, "
            f"{format_size(stats.free_bytes)} freed in {_blocks(stats.free_blocks)}, "
            f"{format_size(stats.wilderness_bytes)} wilderness, "
            f"largest hole {format_size(stats.largest_free)}, "
            f"fragmentation {stats.fragmentation:.1%}"
        )

    def __str__(self) -> str:
        return self.draw(shutil.get_terminal_size().columns)

    def __repr__(self) -> str:
        kinds = [(kind, sum(1 for _ in group)) for kind, group in groupby(sorted(self._kinds()))]
        return f"<rheap.HeapMap, {', '.join(f'{count} {kind}' for kind, count in kinds)}>"

    def _kinds(self) -> list[str]:
        return [span.kind for span in self.spans]


def _spans(blocks: Iterable[BlockInfo], capacity: int, debug: bool) -> Iterator[Span]:
    end = _core.FIRST_BLOCK
    for block in blocks:
        yield Span(end, block.offset, WORD, block)
        end = block.offset + block.capacity
        yield Span(block.offset, end, block.state, block)
        if debug and block.state.is_live:
            yield Span(end, end + _FENCE_BYTES, FENCE, block)
            end += _FENCE_BYTES
    region_end = _core.FIRST_BLOCK + capacity
    if end < region_end:
        yield Span(end, region_end, WILDERNESS)


def _fold(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent="    ") or [line]


def _blocks(count: int) -> str:
    return "1 block" if count == 1 else f"{count:,} blocks"


def _wrap(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False)
