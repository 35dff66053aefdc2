"""A map on which places have names, so that a reader can say which one is meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .._core import WORD_BYTES
from .heapmap import RegionMap
from .segments import PLACE, Line, Segment


class LetteredMap:
    """A map of a whole region; `names`: what to write at which offset, a letter or a few."""

    def __init__(self, map_: RegionMap, names: Mapping[int, str]) -> None:
        self._map = map_
        self._names = names

    def lines(self, width: int) -> Iterator[Line]:
        """The map's lines of at most `width` columns, with the names on its cells."""
        lines = list(self._map.lines(width))
        scale = self._scale(sum(_cells_in(line) for line in lines))
        signs = {
            (offset - self._map.tiling.first) // scale + number: sign
            for offset, name in self._names.items()
            for number, sign in enumerate(name)
        }
        at = 0
        for line in lines:
            cells = _cells_in(line)
            yield _lettered(line, signs, at) if cells else line
            at += cells

    def _scale(self, cells: int) -> int:
        """Bytes of a cell: the map takes the finest scale at which all that is in use fits."""
        scale = WORD_BYTES
        while cells * scale < self._map.tiling.used:
            scale *= 2
        return scale


def _cells_in(line: Line) -> int:
    """How many cells a line shows; legends and figures have none."""
    if not line or line[0].kind != PLACE:
        return 0
    return sum(len(text) for text, _ in line[1:])


def _lettered(line: Line, signs: Mapping[int, str], at: int) -> Line:
    """A row whose first cell is number `at`, with its signs replaced by these."""
    place, *segments = line
    parts = [place]
    for text, kind in segments:
        parts.append(Segment("".join(signs.get(at + n, sign) for n, sign in enumerate(text)), kind))
        at += len(text)
    return tuple(parts)
