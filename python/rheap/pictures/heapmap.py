"""The picture of a region: what lies where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from .. import _core
from ..reports import Blocks, HeapStats
from .byte_view import WORD_BITS, ByteView, byte_lines
from .markup import preformatted
from .segments import Line, Segment, plain, wrap
from .spans import Span
from .summary import summary
from .svg import map_svg
from .text import cell_lines, legend_lines

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

FEW_BLOCKS = 24
"""A part with no more than so many is shown byte for byte."""

_COLUMNS = 120  # of the bytes in a notebook


class RegionMap:
    """What lies where in a region. The blocks stay one array of the core's; objects are made of
    those that are looked at."""

    __slots__ = ("_blocks", "_spans", "_tiling")

    def __init__(self, blocks: Blocks, tiling: _core.Tiling) -> None:
        self._blocks = blocks
        self._tiling = tiling
        self._spans: tuple[Span, ...] | None = None

    @classmethod
    def of_rows(cls, rows: _core.Rows, capacity: int) -> RegionMap:
        """The blocks of a region of `capacity` bytes, without fences."""
        blocks = Blocks(rows)
        first, end = _core.FIRST_BLOCK, _core.FIRST_BLOCK + capacity
        wilderness = blocks[-1].offset + blocks[-1].capacity if blocks else first
        return cls(blocks, _core.Tiling(rows, 0, wilderness, first, end))

    @property
    def blocks(self) -> Blocks:
        """The blocks that the picture shows, whole."""
        return self._blocks

    @property
    def tiling(self) -> _core.Tiling:
        """The core's record of what lies where, which sums up what is drawn."""
        return self._tiling

    @property
    def spans(self) -> tuple[Span, ...]:
        """What the bytes are, one span behind the other. Made when they are asked for."""
        if self._spans is None:
            blocks = list(self._blocks)
            self._spans = tuple(
                Span(start, end, kind, None if row is None else blocks[row])
                for start, end, kind, row in self.tiling.spans()
            )
        return self._spans

    def lines(self, width: int) -> Iterator[Line]:
        """The picture as lines of segments, of at most `width` columns (20 at the least)."""
        return cell_lines(self.tiling, max(width, 20))

    def draw(self, width: int) -> str:
        """The picture as text of at most `width` columns (20 at the least)."""
        return plain(self.lines(width))

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} cannot be copied or pickled: its blocks are an array of this "
            "process; what draw(width) returns can be, and so can list(map.blocks) and map.stats"
        )


class HeapMap(RegionMap):
    """A picture of a region at one moment. `str(map)` draws it to the terminal's width.

    `spans` tile the region from its first block to its end, or the part of it that was asked for.
    `stats` are of the same moment, and of the whole heap. `byte_view`: the bytes of a part with so
    few blocks that they are shown, else None.

    >>> from rheap import Heap
    >>> heap = Heap(256)
    >>> kept, dropped = heap.alloc(40), heap.alloc(24)
    >>> dropped.free()
    True
    >>> print(heap.map().draw(60))
    +0x4ff8 |#####|---~~~~~~~~~~~~~~~~~~~~~~
    a cell is 8 bytes   | word   # live   - freed, unmerged
    ~ wilderness
    256 B: 40 B live in 1 block, 24 B freed in 1 block, 176 B
    wilderness, largest request 168 B (200 B merged),
    fragmentation 15.4% (0.0% merged)
    """

    __slots__ = ("_byte_view", "_stats")

    def __init__(self, snapshot: _core.Snapshot, *, part: tuple[int, int] | None = None) -> None:
        """The picture of a snapshot; `part`: from where to before where, all if not given.

        Where a payload starts at the first of the two, its word comes along.
        """
        self._stats = HeapStats(**snapshot.figures)
        region_end = _core.FIRST_BLOCK + self.stats.capacity
        first, end = part or (_core.FIRST_BLOCK, region_end)
        wilderness = region_end - self.stats.wilderness_bytes
        tiling = _core.Tiling(snapshot.blocks, snapshot.fence, wilderness, first, end)
        super().__init__(Blocks(snapshot.blocks), tiling)
        words = snapshot.words
        self._byte_view = ByteView(words) if words else None

    @property
    def stats(self) -> HeapStats:
        """The figures of the whole heap at that moment."""
        return self._stats

    @property
    def byte_view(self) -> ByteView | None:
        """The bytes of a part with few blocks, which are shown; None for other pictures."""
        return self._byte_view

    def lines(self, width: int) -> Iterator[Line]:
        """The picture as lines of segments, of at most `width` columns (20 at the least)."""
        width = max(width, 20)
        if self.byte_view is None:
            yield from super().lines(width)
        else:
            yield from self._byte_lines(self.byte_view, width)
        yield from wrap((Segment(self.figures),), width, break_words=False)

    def _byte_lines(self, view: ByteView, width: int) -> Iterator[Line]:
        yield from byte_lines(self.spans, view, width)
        yield from legend_lines(self.tiling.counts(), width)
        yield from wrap((Segment(WORD_BITS),), width, break_words=False)

    def save(self, path: str | bytes | os.PathLike[str]) -> None:
        """Writes the picture to an SVG file. Raises `ValueError` for any other ending."""
        if os.path.splitext(os.fsdecode(path))[1].lower() != ".svg":
            raise ValueError(f"a map is saved as .svg, not {os.fspath(path)!r}")
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(map_svg(self, standalone=True))

    def _repr_html_(self) -> str:
        if self.byte_view is None:
            return map_svg(self)
        return (
            f"<div>{map_svg(self)}{preformatted(self._byte_lines(self.byte_view, _COLUMNS))}</div>"
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from .painting import paint

        yield paint(self.lines(options.max_width))

    @property
    def figures(self) -> str:
        """The figures of the whole heap in a line."""
        return ", ".join(summary(self.stats))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HeapMap):
            return NotImplemented
        ours, theirs = (self.stats, self.byte_view), (other.stats, other.byte_view)
        return ours == theirs and self.spans == other.spans

    def __hash__(self) -> int:
        return hash((self.stats, self.tiling.first, self.tiling.end))

    def __str__(self) -> str:
        import shutil  # which loads the compressors

        return self.draw(shutil.get_terminal_size().columns)

    def __repr__(self) -> str:
        counts = sorted(self.tiling.counts().items())
        return f"<rheap.HeapMap, {', '.join(f'{count} {kind}' for kind, count in counts)}>"
