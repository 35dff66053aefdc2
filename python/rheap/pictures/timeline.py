"""A whole run as one picture: addresses by operations, and below them bytes and ratios."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from html import escape

from .. import _core
from .._core import WORD_BYTES
from ..format.sizes import format_size
from .element import CHARACTER, OWN_GROUND, TEXT_STYLE, element
from .palette import COLOURS, FREE, LEGEND, LIVE, WILDERNESS, WORD
from .run import COLUMNS, ROWS, Band, Timeline

_LEFT, _RIGHT = 96, 56  # pixels beside the picture
_TOP, _GAP, _CURVES, _BELOW = 66, 14, 90, 64
_STEP = _TOP + ROWS + 2 * (_GAP + _CURVES) + _BELOW  # from one timeline to the next
_FIRST_PAYLOAD = _core.FIRST_BLOCK + WORD_BYTES
_MOST_TICKS = 10
# Colours of Okabe and Ito (palette.py) that no kind of bytes in this picture has.
_UTILISATION, _FRAGMENTATION = "#009e73", "#d55e00"

_BETWEEN = "between"  # what is live at its most in a column, and is not at its least

_STYLE = "".join(
    [
        TEXT_STYLE,
        OWN_GROUND,
        ".rheap .title{font-size:14px}",
        ".rheap .end{text-anchor:end}.rheap .middle{text-anchor:middle}",
        ".rheap .size{fill:#fff;text-anchor:middle}",
        ".rheap .frame{fill:none;stroke:currentColor;stroke-opacity:.5}",
        ".rheap .tick{stroke:currentColor;stroke-opacity:.5}",
        f".rheap .{LIVE}{{fill:{COLOURS[LIVE]}}}.rheap .{WORD}{{fill:{COLOURS[WORD]}}}",
        f".rheap .{FREE}{{fill:{COLOURS[FREE]};fill-opacity:.7}}",
        f".rheap .{WILDERNESS}{{fill:{COLOURS[WILDERNESS]};fill-opacity:.15}}",
        f".rheap .{_BETWEEN}{{fill:{COLOURS[LIVE]};fill-opacity:.45}}",
        ".rheap .ratio{fill-opacity:.25;stroke-width:1.2}",
        f".rheap .utilisation{{fill:{_UTILISATION};stroke:{_UTILISATION}}}",
        f".rheap .fragmentation{{fill:{_FRAGMENTATION};stroke:{_FRAGMENTATION}}}",
    ]
)


def timeline_svg(timelines: Sequence[Timeline]) -> str:
    """For each timeline addresses (up) by operations (to the right), and its curves."""
    width, height = _LEFT + COLUMNS + _RIGHT, _STEP * len(timelines)
    shapes = "".join(
        part
        for number, timeline in enumerate(timelines)
        for part in _panel(timeline, _STEP * number)
    )
    return element(width, height, shapes, _STYLE)


def _panel(timeline: Timeline, top: int) -> Iterator[str]:
    placing = timeline.placing
    yield f'<text class="title" x="{_LEFT}" y="{top + 20}">{escape(timeline.source)}</text>'
    yield (
        f'<text x="{_LEFT}" y="{top + 38}">{escape(timeline.name)}: peak utilisation '
        f"{placing.peak_utilisation:.1%} ({placing.ratio_to_ceiling:.1%} of the ceiling), "
        f"{placing.failed:,} of {placing.requests:,} requests failed</text>"
    )
    y = top + _TOP
    yield f'<text class="end" x="{_LEFT - 10}" y="{y - 8}">address</text>'
    yield from _region(timeline, y)
    yield from _ticks(timeline.extent, y, ROWS, 6, _address)
    y += ROWS + _GAP
    yield from _amounts(timeline, y)
    yield from _ticks(timeline.extent, y, _CURVES, 3, _amount)
    y += _CURVES + _GAP
    yield from _ratios(timeline, y)
    for part in (0, 0.5, 1):
        at = y + _CURVES * (1 - part)
        yield f'<path class="tick" d="M{_LEFT - 5} {at:.1f}h5"/>'
        yield f'<text class="end" x="{_LEFT - 10}" y="{at + 4:.1f}">{part:.0%}</text>'
    yield from _operation_ticks(timeline.operations, y + _CURVES)
    yield from _legend(timeline, y + _CURVES + 44)


# --- the region -----------------------------------------------------------------------------------


def _region(timeline: Timeline, y: int) -> Iterator[str]:
    """What was live on what was free, and above it the wilderness."""
    box = f'x="{_LEFT}" y="{y}" width="{COLUMNS}" height="{ROWS}"'
    yield f'<rect class="{WILDERNESS}" {box}/>'
    edge = [range_.most for range_ in timeline.curves.extent]
    yield _area(FREE, edge, timeline.extent, y, ROWS)
    if timeline.cells:
        image = base64.b64encode(_png(timeline.cells)).decode()
        yield f'<image {box} preserveAspectRatio="none" href="data:image/png;base64,{image}"/>'
    for band in timeline.bands:
        yield from _band(timeline, band, y)
    yield f'<rect class="frame" {box}/>'


def _band(timeline: Timeline, band: Band, y: int) -> Iterator[str]:
    across, down = COLUMNS / timeline.operations, ROWS / timeline.extent
    x, width = _LEFT + band.born * across, (band.died - band.born) * across
    height, word = band.size * down, WORD_BYTES * down
    top = y + ROWS - (band.offset - _FIRST_PAYLOAD) * down - height
    # A gap tells neighbours apart, where there is room for one; and what is there is seen.
    width = max(width - (0.75 if width > 3 else 0), 0.5)
    height = max(height - (0.75 if height > 3 else 0), 0.5)
    yield f"<g><title>{_tell(band, timeline.operations)}</title>" + _rectangle(
        LIVE, x, top, width, height
    )
    if word > 2:
        yield _rectangle(WORD, x, top + height - word, width, word)
    size = f"{band.asked:,}"
    if height - word > 12 and width > CHARACTER * len(size) + 4:
        middle = top + (height - word) / 2 + 4
        yield f'<text class="size" x="{x + width / 2:.1f}" y="{middle:.1f}">{size}</text>'
    yield "</g>"


def _tell(band: Band, operations: int) -> str:
    """What happens to a block at this place."""
    if band.moved_from is None:
        begin = f"made by operation {band.born + 1:,}"
    else:
        begin = f"moved here from +0x{band.moved_from:x} by operation {band.born + 1:,}"
    if band.moved_to is not None:
        end = f"moved to +0x{band.moved_to:x} by {band.died + 1:,}"
    else:
        end = f"freed by {band.died + 1:,}" if band.died < operations else "live at the end"
    return (
        f"+0x{band.offset:x}: {band.asked:,} bytes asked for, "
        f"{band.size - WORD_BYTES:,} reserved, {begin}, {end}"
    )


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"/>'
    )


def _png(cells: bytes) -> bytes:
    """One colour in 256 steps of opacity, the highest address on top (PNG 1.2, palette images)."""
    columns = len(cells) // ROWS
    red, green, blue = (int(COLOURS[LIVE][at : at + 2], 16) for at in (1, 3, 5))
    rows = [b"\0" + cells[row * columns : (row + 1) * columns] for row in reversed(range(ROWS))]

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    # What little there is in a cell is seen too.
    opacity = bytes(0 if step == 0 else 40 + step * 215 // 255 for step in range(256))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", columns, ROWS, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", bytes((red, green, blue)) * 256),
            chunk(b"tRNS", opacity),
            chunk(b"IDAT", zlib.compress(b"".join(rows), 9)),
            chunk(b"IEND", b""),
        ]
    )


# --- the curves -----------------------------------------------------------------------------------


def _amounts(timeline: Timeline, y: int) -> Iterator[str]:
    """Bytes: what is live, on all below the wilderness. Paler what is live only now and then."""
    curves, extent = timeline.curves, timeline.extent
    box = f'x="{_LEFT}" y="{y}" width="{COLUMNS}" height="{_CURVES}"'
    yield f'<rect class="{WILDERNESS}" {box}/>'
    for kind, values in (
        (FREE, [range_.most for range_ in curves.extent]),
        (_BETWEEN, [range_.most for range_ in curves.live]),
        (LIVE, [range_.least for range_ in curves.live]),
    ):
        yield _area(kind, values, extent, y, _CURVES)
    yield f'<rect class="frame" {box}/>'


def _ratios(timeline: Timeline, y: int) -> Iterator[str]:
    """Each a line where it stands still, and all that it passes where it does not."""
    curves = timeline.curves
    for name, ranges in (
        ("utilisation", curves.utilisation),
        ("fragmentation", curves.fragmentation),
    ):
        above = _steps([range_.most for range_ in ranges], 1, y, _CURVES)
        below = _steps([range_.least for range_ in ranges], 1, y, _CURVES, back=True)
        yield f'<path class="ratio {name}" d="M{_LEFT} {y + _CURVES}{above}{below}z"/>'
    yield f'<rect class="frame" x="{_LEFT}" y="{y}" width="{COLUMNS}" height="{_CURVES}"/>'


def _area(kind: str, values: Sequence[float], whole: float, y: int, height: int) -> str:
    """All below these values, one for each column."""
    bottom = y + height
    line = _steps(values, whole, y, height)
    return f'<path class="{kind}" d="M{_LEFT} {bottom}{line}V{bottom}z"/>'


def _steps(
    values: Sequence[float], whole: float, y: int, height: int, *, back: bool = False
) -> str:
    """A line that has a step for each column, to the right, or `back` to the left."""
    across = COLUMNS / len(values)
    parts: list[str] = []
    before = ""
    for number in reversed(range(len(values))) if back else range(len(values)):
        at = f"{y + height * (1 - values[number] / whole):.1f}"
        end = f"H{_LEFT + (number + (not back)) * across:.1f}"
        if at == before:
            parts[-1] = end
        else:
            parts += [f"V{at}", end]
        before = at
    return "".join(parts)


# --- axes and legend ------------------------------------------------------------------------------


def _address(place: int) -> str:
    """Of a place so many bytes behind the start of the first block: as all pictures write it."""
    return f"+0x{_core.FIRST_BLOCK + place:x}"


def _amount(bytes_: int) -> str:
    return format_size(bytes_) if bytes_ else "0"


def _ticks(
    extent: int, y: int, height: int, most: int, label: Callable[[int], str]
) -> Iterator[str]:
    step = WORD_BYTES
    while extent / step > most:
        step *= 2
    for bytes_ in range(0, extent + 1, step):
        at = y + height * (1 - bytes_ / extent)
        yield f'<path class="tick" d="M{_LEFT - 5} {at:.1f}h5"/>'
        yield f'<text class="end" x="{_LEFT - 10}" y="{at + 4:.1f}">{label(bytes_)}</text>'


def _operation_ticks(operations: int, y: int) -> Iterator[str]:
    step = next(
        step
        for power in range(20)
        for step in (10**power, 2 * 10**power, 5 * 10**power)
        if operations / step <= _MOST_TICKS
    )
    for operation in range(0, operations + 1, step):
        x = _LEFT + operation * COLUMNS / operations
        yield f'<path class="tick" d="M{x:.1f} {y}v5"/>'
        yield f'<text class="middle" x="{x:.1f}" y="{y + 18}">{operation:,}</text>'
    yield f'<text class="end" x="{_LEFT - 10}" y="{y + 18}">operation</text>'


def _legend(timeline: Timeline, y: int) -> Iterator[str]:
    x = _LEFT
    word = WORD_BYTES * ROWS / timeline.extent > 2 and timeline.bands
    for kind in (*([WORD] if word else []), LIVE, FREE, WILDERNESS):
        name = LEGEND[kind][1]
        yield f'<rect class="{kind}" x="{x}" y="{y - 10}" width="12" height="12"/>'
        yield f'<rect class="frame" x="{x}" y="{y - 10}" width="12" height="12"/>'
        yield f'<text x="{x + 18}" y="{y}">{name}</text>'
        x += 36 + round(CHARACTER * len(name))
    for ratio, name in (
        ("utilisation", "utilisation"),
        ("fragmentation", "fragmentation, merged"),
    ):
        yield f'<path class="ratio {ratio}" d="M{x} {y - 8}h24v8h-24z"/>'
        yield f'<text x="{x + 30}" y="{y}">{name}</text>'
        x += 48 + round(CHARACTER * len(name))
    if timeline.operations > COLUMNS:
        yield f'<text x="{x}" y="{y}">pale: from the least to the most of a pixel</text>'
