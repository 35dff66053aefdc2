"""The picture of a region: what lies where, and how that is drawn as text."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from .. import _core
from .._core import WORD_BYTES
from ..format.sizes import format_size
from ..reports import BlockInfo, Blocks, HeapStats
from .closeup import WORD_BITS, Closeup, word_lines
from .palette import FENCE, LEGEND, WILDERNESS, WORD
from .spans import Span
from .summary import summary
from .svg import map_svg

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

FEW_BLOCKS = 24
"""A part with no more than so many is shown byte for byte."""

_MOST_ROWS = 8
_WIDE = 4  # cells: a block as wide as that shows its word at any scale
_HARD_SPACE = "\0"  # textwrap breaks at any other


@dataclass(frozen=True, slots=True)
class RegionMap:
    """What lies where in a region: `spans` tile it from its first block to its end."""

    spans: tuple[Span, ...]

    @classmethod
    def of_blocks(cls, blocks: Iterable[BlockInfo], capacity: int) -> RegionMap:
        """The blocks of a region of `capacity` bytes, without fences."""
        spans = list(_spans(blocks, 0))
        end = spans[-1].end if spans else _core.FIRST_BLOCK
        region_end = _core.FIRST_BLOCK + capacity
        if end < region_end:
            spans.append(Span(end, region_end, WILDERNESS))
        return cls(tuple(spans))

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
        scale = WORD_BYTES  # the smallest cell
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
        unit = f"a cell is {format_size(scale)}".replace(" B", " bytes")
        return "\n".join([*lines, *_legend(cells, width, unit)])

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
    `stats` are of the same moment, and of the whole heap. `closeup`: the bytes of a part with so
    few blocks that they are shown.

    >>> from rheap import Heap
    >>> heap = Heap(256)
    >>> kept, dropped = heap.alloc(40), heap.alloc(24)
    >>> dropped.free()
    >>> print(heap.map().draw(60))
    +0x4ff8 |#####|---~~~~~~~~~~~~~~~~~~~~~~
    a cell is 8 bytes   | word   # live   - freed, unmerged
    ~ wilderness
    256 B: 40 B live in 1 block, 24 B freed in 1 block, 176 B
    wilderness, largest request 168 B (200 B merged),
    fragmentation 15.4% (0.0% merged)
    """

    stats: HeapStats
    closeup: Closeup | None = field(default=None, hash=False)

    @classmethod
    def of(
        cls,
        snapshot: _core.Snapshot,
        *,
        part: tuple[int, int] | None = None,
    ) -> HeapMap:
        """The picture of a snapshot; `part`: from where to before where, all if not given.

        Where a payload starts at the first of the two, its word comes along.
        """
        stats = HeapStats(**snapshot.figures)
        end = _core.FIRST_BLOCK + stats.capacity
        spans = list(_spans(Blocks(snapshot.blocks), snapshot.fence))
        if stats.wilderness_bytes:
            spans.append(Span(end - stats.wilderness_bytes, end, WILDERNESS))
        if part is not None:
            spans = _within(spans, *part)
        words = snapshot.words
        return cls(tuple(spans), stats, Closeup(words, snapshot.unlinked) if words else None)

    def draw(self, width: int) -> str:
        """The picture as lines of at most `width` columns (20 at the least)."""
        width = max(width, 20)
        if self.closeup:
            lines = word_lines(self.spans, self.closeup, width)
            lines += [*_legend(self._kinds(), width), *_wrap(WORD_BITS, width)]
        else:
            # super() does not know a class with slots
            lines = RegionMap.draw(self, width).splitlines()
        return "\n".join([*lines, *_wrap(self.figures, width)])

    def save(self, path: str | bytes | os.PathLike[str]) -> None:
        """Writes the picture to an SVG file. Raises `ValueError` for any other ending."""
        if os.path.splitext(os.fsdecode(path))[1].lower() != ".svg":
            raise ValueError(f"a map is saved as .svg, not {os.fspath(path)!r}")
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(map_svg(self, standalone=True))

    def _repr_html_(self) -> str:
        return map_svg(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from .painting import painted_map

        yield painted_map(self.draw(options.max_width))

    @property
    def figures(self) -> str:
        """The figures of the whole heap in a line."""
        return summary(self.stats)

    def __str__(self) -> str:
        import shutil  # which loads the compressors

        return self.draw(shutil.get_terminal_size().columns)

    def __repr__(self) -> str:
        kinds = [(kind, sum(1 for _ in group)) for kind, group in groupby(sorted(self._kinds()))]
        return f"<rheap.HeapMap, {', '.join(f'{count} {kind}' for kind, count in kinds)}>"

    def _kinds(self) -> list[str]:
        return [span.kind for span in self.spans]


def _spans(blocks: Iterable[BlockInfo], fence: int) -> Iterator[Span]:
    for block in blocks:
        end = block.offset + block.capacity
        yield Span(block.offset - WORD_BYTES, block.offset, WORD, block)
        yield Span(block.offset, end, block.state, block)
        if fence and block.state.is_live:
            yield Span(end, end + fence, FENCE, block)


def _within(spans: list[Span], start: int, stop: int) -> list[Span]:
    if any(span.block is not None and span.block.offset == start for span in spans):
        start -= WORD_BYTES
    return [span.within(start, stop) for span in spans if span.start < stop and start < span.end]


def _legend(kinds: Collection[str], width: int, *items: str) -> Iterator[str]:
    """Lines with these items and with the signs and names of these kinds."""
    named = [f"{sign} {name}" for kind, (sign, name) in LEGEND.items() if kind in kinds]
    whole = "   ".join(item.replace(" ", _HARD_SPACE) for item in [*items, *named])
    return (line.replace(_HARD_SPACE, " ") for line in _wrap(whole, width))


def _wrap(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False)
