"""The picture of a region as text: a sign for each cell, and what the signs mean."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby

from .. import _core
from .._core import WORD_BYTES
from ..format.sizes import format_size
from .palette import LEGEND
from .segments import PLACE, Line, Segment, fill

_MOST_ROWS = 8


def cell_lines(tiling: _core.Tiling, width: int) -> Iterator[Line]:
    """Rows of cells, and their legend."""
    margin = len(f"+0x{tiling.end:x} ")
    columns = width - margin if width - margin < 8 else (width - margin) // 8 * 8
    # The finest scale at which all that was ever in use fits; the wilderness may be cut off.
    scale = WORD_BYTES  # the smallest cell
    while -(-tiling.used // scale) > _MOST_ROWS * columns:
        scale *= 2
    rows = max(-(-tiling.used // (scale * columns)), 1)
    cells = tiling.cells(scale, rows * columns)
    for at in range(0, len(cells), columns):
        place = f"+0x{tiling.first + at * scale:x}".ljust(margin)
        runs = groupby(cells[at : at + columns])
        signs = (Segment(LEGEND[kind][0] * len(list(run)), kind) for kind, run in runs)
        yield (Segment(place, PLACE), *signs)
    unit = f"a cell is {format_size(scale)}".replace(" B", " bytes")
    yield from legend_lines(cells, width, unit)


def legend_lines(kinds: Collection[str], width: int, *items: str) -> Iterator[Line]:
    """Lines with these items and with the signs and names of these kinds."""
    named = [
        (Segment(sign, kind), Segment(f" {name}"))
        for kind, (sign, name) in LEGEND.items()
        if kind in kinds
    ]
    return fill([*((Segment(item),) for item in items), *named], "   ", width)
