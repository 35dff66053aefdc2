"""The picture of a region as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Protocol

from .. import _core
from ..reports import BlockInfo, HeapStats
from .byte_view import ByteView, meaning
from .element import CHARACTER, OWN_GROUND, TEXT_STYLE, element
from .palette import COLOURS, LEGEND, PALE, WILDERNESS, WORD
from .segments import Segment, fill, plain
from .spans import Span
from .summary import summary

WIDTH = 864  # pixels of a row
ROW = 24  # its height
_ADDRESSES = 96  # pixels left of the rows
WHOLE_WIDTH = _ADDRESSES + WIDTH  # a legend of all kinds has room
_STEP = 32  # from one row to the next
_MOST_ROWS = 8
_FINEST = 0.25  # bytes a pixel: a word is 32 pixels wide
_COLUMNS = 132  # characters that fit the whole width
_SIGN_FITS = 14  # pixels
_LABEL_FITS = 28
_NARROW = 1.5  # what is narrower joins its neighbours
_CROWD = 2  # and so they are drawn, so wide at the least

_Crowd = tuple[int, int, dict[str, tuple[int, int]]]  # see `Tiling.pieces`

_STYLE = "".join(
    [
        TEXT_STYLE,
        ".rheap .sign{fill:#fff;text-anchor:middle}.rheap .sign.pale{fill:#1f1f1f}"
        ".rheap .sign.bare{fill:currentColor}",
        ".rheap .label{font-size:10px}",
        ".rheap .cell{fill:none;stroke:#1f1f1f;stroke-opacity:.4}",
        ".rheap .focus{fill:none;stroke:currentColor;stroke-width:2}",
        *(f".rheap .{name.replace(' ', '-')}{{fill:{of}}}" for name, of in COLOURS.items()),
        # Nothing is there; and filled it would be as grey as words are.
        f".rheap .{WILDERNESS}{{fill-opacity:.15;stroke:{COLOURS[WILDERNESS]}}}",
    ]
)


class Picture(Protocol):
    """What is drawn: bytes in order, each 8 of them if they are shown, and figures."""

    @property
    def tiling(self) -> _core.Tiling: ...
    @property
    def blocks(self) -> Sequence[BlockInfo]: ...
    @property
    def byte_view(self) -> ByteView | None: ...
    @property
    def stats(self) -> HeapStats: ...


def map_svg(picture: Picture, *, standalone: bool = False, focus: int | None = None) -> str:
    """The picture as an SVG element. `standalone`: for a file, with colours of text of its own for
    light and dark; otherwise the text takes the colour of the page. `focus`: a frame around the
    payload at this offset."""
    tiling = picture.tiling
    scale = _FINEST
    while max(tiling.used, 1) > _MOST_ROWS * WIDTH * scale:
        scale *= 2
    row_bytes = int(WIDTH * scale)
    rows = max(-(-tiling.used // row_bytes), 1)
    shapes: list[str] = []
    kinds: set[str] = set()
    drawn = tiling.pieces(row_bytes, rows, _NARROW * scale, _CROWD * scale)
    for row, (pieces, crowds) in enumerate(drawn):
        y = row * _STEP
        begin = tiling.first + row * row_bytes
        shapes.append(f'<text x="0" y="{y + 17}">+0x{begin:x}</text>')
        for start, end, (first, last, kind, block) in pieces:
            kinds.add(kind)
            x, width = _ADDRESSES + (start - begin) / scale, (end - start) / scale
            span = Span(first, last, kind, None if block is None else picture.blocks[block])
            shapes.append(bar(kind, _title(span), x, y, width, _size(span)))
            shapes += _labels(picture, span, span.within(start, end), x, y, scale)
            shapes += _frame(span, focus, x, y, width)
        # Crowds last: one that is narrower than it is drawn covers a part of its neighbour.
        for crowd in crowds:
            start, end, shares = crowd
            kinds.update(shares)
            x, width = _ADDRESSES + (start - begin) / scale, (end - start) / scale
            shapes.append(_crowd(crowd, x, y, width))
    y = rows * _STEP + 16
    shapes += legend([kind for kind in LEGEND if kind in kinds], y)
    items = [(Segment(item),) for item in summary(picture.stats)]
    lines = plain(fill(items, ", ", _COLUMNS)).splitlines()
    lines[:-1] = [f"{line}," for line in lines[:-1]]
    shapes += [
        f'<text x="0" y="{y + 24 + 18 * n}">{escape(line)}</text>' for n, line in enumerate(lines)
    ]
    height = y + 24 + 18 * len(lines)
    return framed(WHOLE_WIDTH, height, "".join(shapes), standalone=standalone)


def framed(width: int, height: int, shapes: str, *, standalone: bool = False) -> str:
    """An SVG element around shapes of a map."""
    style = _STYLE + (OWN_GROUND if standalone else "")
    return element(width, height, shapes, style, margin=8)


def bar(kind: str, title: str, x: float, y: int, width: float, size: str = "") -> str:
    """Bytes of one kind: a rectangle with a tooltip, and with its sign and size where they fit."""
    gap = 0.75 if width > 3 else 0
    rect = (
        f'<rect class="{_class(kind)}" x="{x:.2f}" y="{y}" width="{width - gap:.2f}" '
        f'height="{ROW}"><title>{escape(title)}</title></rect>'
    )
    sign = LEGEND[kind][0]
    label = f"{sign} {size}" if size and CHARACTER * (len(size) + 3) < width else sign
    return rect + _text(label, kind, x, y, width)


def legend(kinds: list[str], y: int) -> Iterator[str]:
    """The colours, signs and names of these kinds in a line."""
    x = 0
    for kind in kinds:
        sign, name = LEGEND[kind]
        text = f"{sign} {name}"
        box = f'x="{x}" y="{y - 10}" width="12" height="12"'
        yield f'<rect class="{_class(kind)}" {box}/>'
        yield f'<text x="{x + 18}" y="{y}">{escape(text)}</text>'
        x += 34 + round(CHARACTER * len(text))


def _crowd(crowd: _Crowd, x: float, y: int, width: float) -> str:
    """Neighbours that are too narrow to be drawn one by one: a column with the share of each
    kind."""
    start, end, shares = crowd
    # Each kind has its share of the column, and is seen however small that is.
    kinds = [kind for kind in LEGEND if kind in shares]
    heights = [max(ROW * shares[kind][0] / (end - start), _NARROW) for kind in kinds]
    shrink = ROW / sum(heights)
    width = max(width, _NARROW)
    drawn, top = "", float(y)
    for kind, height in zip(kinds, heights, strict=True):
        path = f"M{x:.1f} {top:.1f}h{width:.1f}v{height * shrink:.1f}h-{width:.1f}z"
        drawn += f'<path class="{_class(kind)}" d="{path}"/>'
        top += height * shrink
    named = (f"{n:,} {LEGEND[kind][1]}" for kind, (_, n) in shares.items() if kind != WORD)
    told = f"+0x{start:x}: {end - start:,} bytes, {', '.join(named) or 'words'}"
    return f"<g><title>{told}</title>{drawn}</g>"


def _labels(
    picture: Picture, span: Span, piece: Span, x: float, y: int, scale: float
) -> Iterator[str]:
    """The links and the footer that stand in a freed block, where a cell of 8 bytes has room."""
    width = 8 / scale
    if picture.byte_view is None or width < _LABEL_FITS or span.block is None:
        return
    for at in picture.byte_view.places(piece.start, piece.end):
        label, text = meaning(span, at, picture.byte_view)
        if not label:
            continue
        left = x + (at - piece.start) / scale
        title = f"<title>{escape(f'+0x{at:x}, {label} {text}')}</title>"
        yield (
            f'<rect class="{_class(span.kind)}" x="{left:.2f}" y="{y}" '
            f'width="{width - 0.75:.2f}" height="{ROW}">{title}</rect>'
            f'<rect class="cell" x="{left + 2:.2f}" y="{y + 2}" '
            f'width="{width - 4.75:.2f}" height="{ROW - 4}"/>'
        )
        yield _text(label, span.kind, left, y, width, "label ")


def _frame(span: Span, focus: int | None, x: float, y: int, width: float) -> Iterator[str]:
    block = span.block
    if block is not None and block.offset == focus and span.kind == block.state:
        box = f'x="{x:.2f}" y="{y - 2}" width="{width - 0.75:.2f}" height="{ROW + 4}"'
        yield f'<rect class="focus" {box}/>'


def _text(text: str, kind: str, x: float, y: int, width: float, style: str = "") -> str:
    if width < _SIGN_FITS:
        return ""
    ground = " bare" if kind == WILDERNESS else " pale" if kind in PALE else ""
    where = f'x="{x + width / 2:.2f}" y="{y + 17}"'
    return f'<text class="{style}sign{ground}" {where}>{escape(text)}</text>'


def _title(span: Span) -> str:
    if span.block is None:
        return f"{LEGEND[span.kind][1]}, {span.end - span.start:,} bytes in all"
    if span.kind == WORD:
        return f"word of the block at +0x{span.block.offset:x}"
    return _told(span.block)


def _size(span: Span) -> str:
    """The payload of a block, as the bands of a run say it; nothing for what is no payload."""
    block = span.block
    return f"{block.size:,}" if block is not None and span.kind == block.state else ""


def _told(block: BlockInfo) -> str:
    asked = f"{block.size:,} bytes asked for, " if block.state.is_live else ""
    held = "".join(f", {text}" for text in (block.reason, block.owners) if text)
    site = f", allocated at {block.site}" if block.site else ""
    return f"+0x{block.offset:x}: {asked}{block.capacity:,} reserved, {block.state}{held}{site}"


def _class(kind: str) -> str:
    return kind.replace(" ", "-")
