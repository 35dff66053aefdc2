"""A whole run as one picture: addresses by operations, and the curves of it below."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from .. import _core
from ..palette import COLOURS
from ..progress import Progress
from ..replay.measure import Scheme
from ..sizes import format_size

_COLUMNS, _ROWS = 900, 320  # cells of the grid, a pixel each
_FEW = 2000  # operations: up to here each block is a band of its own
_LEFT, _TOP, _CURVES, _GAP = 96, 44, 120, 56
_CURVE_STYLES = {
    "live": COLOURS["live"],
    "free": COLOURS["lingering"],
    "largest hole": COLOURS["pinned"],
}
_UTILISATION = COLOURS["handed out"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Bytes at the end of a column: of live blocks, free below the wilderness, of the largest
    hole there, and from the first block to the wilderness."""

    live: int
    free: int
    hole: int
    extent: int


@dataclass(frozen=True, slots=True)
class History:
    """What became of one trace on one heap.

    `cells`: which part of each cell was live, a byte each, row by row from the lowest address.
    `bands`: (born, died, offset, size) of each block, of short runs. `extent`: bytes that the rows
    share.
    """

    name: str
    columns: int
    extent: int
    cells: bytes
    moments: tuple[Moment, ...]
    bands: tuple[tuple[int, int, int, int], ...]
    failed: int

    @classmethod
    def of_all(cls, trace: _core.Trace, schemes: Sequence[Scheme], capacity: int) -> list[History]:
        """One for each scheme, all on the same axes."""
        with Progress(f"playing {trace.source}", 2 * len(schemes) * len(trace)) as progress:

            def tell(turn: int) -> Callable[[int], object]:
                return lambda done: progress.advance(turn * len(trace) + done)

            extent = max(
                _core.extent_of(
                    trace,
                    capacity,
                    immediate=scheme.coalesce == "immediate",
                    policy=scheme.policy,
                    tell=tell(turn),
                )
                for turn, scheme in enumerate(schemes)
            )
            return [
                cls._of(trace, scheme, capacity, max(extent, 8), tell(len(schemes) + turn))
                for turn, scheme in enumerate(schemes)
            ]

    @classmethod
    def _of(
        cls,
        trace: _core.Trace,
        scheme: Scheme,
        capacity: int,
        extent: int,
        tell: Callable[[int], object],
    ) -> History:
        columns = min(_COLUMNS, len(trace))
        seen = _core.panorama(
            trace,
            capacity,
            immediate=scheme.coalesce == "immediate",
            policy=scheme.policy,
            columns=columns,
            rows=_ROWS,
            extent=extent,
            with_bands=len(trace) <= _FEW,
            tell=tell,
        )
        return cls(
            f"{scheme.name}, coalescing {scheme.coalesce}",
            columns,
            extent,
            seen["cells"],
            tuple(Moment(*moment) for moment in seen["moments"]),
            tuple(seen["bands"]),
            seen["failed"],
        )


def history_svg(source: str, operations: int, histories: Sequence[History]) -> str:
    """The picture: for each history addresses (up) by operations (to the right), and its curves."""
    each = _TOP + _ROWS + 12 + _CURVES + _GAP
    width, height = _LEFT + _COLUMNS + 60, each * len(histories)
    most = max(max((m.extent for m in h.moments), default=1) for h in histories)
    parts = [
        part
        for number, history in enumerate(histories)
        for part in _panel(source, operations, history, each * number, most)
    ]
    style = (
        "text{font:12px ui-monospace,monospace;fill:currentColor}"
        "svg{color:#1f1f1f}@media(prefers-color-scheme:dark){svg{color:#ececec}}"
        ".end{text-anchor:end}.title{font-size:14px}"
        ".frame{fill:none;stroke:currentColor;stroke-opacity:.4}"
        f".band{{fill:{COLOURS['live']};stroke:currentColor;stroke-opacity:.35;stroke-width:.5}}"
        "polyline{fill:none;stroke-width:1.5}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" style="max-width:100%;height:auto">'
        f"<style>{style}</style>{''.join(parts)}</svg>"
    )


def _panel(source: str, operations: int, history: History, top: int, most: int) -> Iterator[str]:
    failed = f", {history.failed:,} failed requests" if history.failed else ""
    yield (
        f'<text class="title" x="{_LEFT}" y="{top + 18}">'
        f"{escape(source)}: {escape(history.name)}{failed}</text>"
    )
    y = top + _TOP
    yield f'<text x="{_LEFT}" y="{y - 6}">address, live blocks in blue</text>'
    yield _frame(y, _ROWS)
    yield from _bands(history, operations, y) if history.bands else _raster(history, y)
    yield _label(y + 10, format_size(history.extent))
    yield _label(y + _ROWS, "first block")
    y += _ROWS + 12
    yield _frame(y, _CURVES)
    yield from _curves(history, y, most)
    yield f'<text x="{_LEFT}" y="{y + _CURVES + 16}">operation 0</text>'
    yield (f'<text class="end" x="{_LEFT + _COLUMNS}" y="{y + _CURVES + 16}">{operations:,}</text>')
    yield from _legend(y + _CURVES + 34)


def _bands(history: History, operations: int, y: int) -> Iterator[str]:
    for born, died, offset, size in history.bands:
        x = _LEFT + born * _COLUMNS / operations
        width = max((died - born) * _COLUMNS / operations, 0.5)
        high = max(size * _ROWS / history.extent, 0.5)
        low = y + _ROWS - offset * _ROWS / history.extent
        yield (
            f'<rect class="band" x="{x:.2f}" y="{low - high:.2f}" width="{width:.2f}" '
            f'height="{high:.2f}"><title>{size:,} bytes at +{offset:,} behind the first block, '
            f"operations {born:,} to {died:,}</title></rect>"
        )


def _raster(history: History, y: int) -> Iterator[str]:
    image = base64.b64encode(_png(history)).decode()
    yield (
        f'<image x="{_LEFT}" y="{y}" width="{_COLUMNS}" height="{_ROWS}" '
        f'preserveAspectRatio="none" href="data:image/png;base64,{image}"/>'
    )


def _png(history: History) -> bytes:
    """One colour in 256 steps of opacity, the highest address on top (PNG 1.2, palette images)."""
    red, green, blue = (int(COLOURS["live"][at : at + 2], 16) for at in (1, 3, 5))
    rows = [
        b"\0" + history.cells[row * history.columns : (row + 1) * history.columns]
        for row in reversed(range(_ROWS))
    ]

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    # What little there is in a cell is seen too.
    opacity = bytes(0 if step == 0 else 40 + step * 215 // 255 for step in range(256))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", history.columns, _ROWS, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", bytes((red, green, blue)) * 256),
            chunk(b"tRNS", opacity),
            chunk(b"IDAT", zlib.compress(b"".join(rows), 9)),
            chunk(b"IEND", b""),
        ]
    )


def _curves(history: History, y: int, most: int) -> Iterator[str]:
    lines = {
        "live": [moment.live / most for moment in history.moments],
        "free": [moment.free / most for moment in history.moments],
        "largest hole": [moment.hole / most for moment in history.moments],
    }
    for name, values in lines.items():
        yield _curve(values, y, f'stroke="{_CURVE_STYLES[name]}"')
    utilisation = [m.live / m.extent if m.extent else 1.0 for m in history.moments]
    yield _curve(utilisation, y, f'stroke="{_UTILISATION}" stroke-dasharray="5 3"')
    yield _label(y + 10, format_size(most))
    yield _label(y + _CURVES, "0")
    yield f'<text x="{_LEFT + _COLUMNS + 6}" y="{y + 10}">100 %</text>'


def _curve(values: Sequence[float], y: int, style: str) -> str:
    points = " ".join(
        f"{_LEFT + (at + 1) * _COLUMNS / len(values):.1f},{y + _CURVES * (1 - value):.1f}"
        for at, value in enumerate(values)
    )
    return f'<polyline points="{points}" {style}/>'


def _legend(y: int) -> Iterator[str]:
    x = _LEFT
    named = {**_CURVE_STYLES, "utilisation (live of extent)": _UTILISATION}
    for name, colour in named.items():
        dashes = ' stroke-dasharray="5 3"' if colour == _UTILISATION else ""
        yield f'<polyline points="{x},{y - 4} {x + 24},{y - 4}" stroke="{colour}"{dashes}/>'
        yield f'<text x="{x + 30}" y="{y}">{escape(name)}</text>'
        x += 54 + round(7.3 * len(name))


def _frame(y: int, height: int) -> str:
    return f'<rect class="frame" x="{_LEFT}" y="{y}" width="{_COLUMNS}" height="{height}"/>'


def _label(y: int, text: str) -> str:
    return f'<text class="end" x="{_LEFT - 6}" y="{y}">{escape(text)}</text>'
