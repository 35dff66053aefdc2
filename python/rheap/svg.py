"""The picture of a region as SVG: for files, and for notebooks beside the objects it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from .heapmap import LEGEND, HeapMap, Span
from .palette import COLOURS, PALE, WILDERNESS, WORD
from .reports import BlockInfo, BlockState, HeapStats

if TYPE_CHECKING:
    from ._core import Block
    from .heap import Heap

_ADDRESSES = 96  # pixels left of the rows
_WIDTH = 864  # pixels of a row
_ROW, _STEP = 24, 32  # its height, and from one to the next
_MOST_ROWS = 8
_FINEST = 0.25  # bytes a pixel: a word is 32 pixels wide
_SIGN_FITS = 14  # pixels
_THINNEST = 0.5  # pixels: what is there is seen

_STYLE = "".join(
    [
        "text{font:12px ui-monospace,monospace;fill:currentColor}",
        ".sign{fill:#fff;text-anchor:middle}.sign.pale{fill:#1f1f1f}",
        "rect{stroke:none}",
        *(f".{name.replace(' ', '-')}{{fill:{colour}}}" for name, colour in COLOURS.items()),
        f".{WILDERNESS}{{fill-opacity:.35}}",
    ]
)
_OWN_GROUND = "svg{color:#1f1f1f}@media(prefers-color-scheme:dark){svg{color:#ececec}}"


@dataclass(slots=True)
class _Crowd:
    """Neighbours, each of which is narrower than a pixel: drawn as one."""

    start: int
    end: int
    parts: Counter[str] = field(default_factory=Counter)
    blocks: Counter[str] = field(default_factory=Counter)

    def add(self, span: Span) -> None:
        self.end = span.end
        self.parts[span.kind] += span.end - span.start
        self.blocks[span.kind] += 1

    @property
    def kind(self) -> str:
        return self.parts.most_common(1)[0][0]

    @property
    def words(self) -> str:
        named = (f"{n:,} {LEGEND[kind][1]}" for kind, n in self.blocks.items() if kind != WORD)
        return f"{self.end - self.start:,} bytes: {', '.join(named) or 'words'}"


def map_svg(picture: HeapMap, *, standalone: bool = False) -> str:
    """The picture as an SVG element. `standalone`: for a file, with colours of text of its own for
    light and dark; otherwise the text takes the colour of the page."""
    origin, end = picture.spans[0].start, picture.spans[-1].end
    used = next((span.start for span in picture.spans if span.kind == WILDERNESS), end) - origin
    scale = _FINEST
    while max(used, 1) > _MOST_ROWS * _WIDTH * scale:
        scale *= 2
    row_bytes = int(_WIDTH * scale)
    rows = max(-(-used // row_bytes), 1)
    shapes: list[str] = []
    kinds: set[str] = set()
    for row, pieces in enumerate(_rows(picture.spans, origin, row_bytes, rows)):
        y = row * _STEP
        begin = origin + row * row_bytes
        shapes.append(f'<text x="0" y="{y + 17}">+0x{begin:x}</text>')
        for piece in pieces:
            kinds.add(piece.kind)
            x = _ADDRESSES + (piece.start - begin) / scale
            shapes.append(_shape(piece, x, y, (piece.end - piece.start) / scale))
    y = rows * _STEP + 16
    shapes += _legend([kind for kind in LEGEND if kind in kinds], y)
    lines = [*_folded(picture.figures, 120)]
    shapes += [
        f'<text x="0" y="{y + 24 + 18 * n}">{escape(line)}</text>' for n, line in enumerate(lines)
    ]
    height = y + 24 + 18 * len(lines)
    return _svg(_ADDRESSES + _WIDTH, height, "".join(shapes), standalone)


def stats_html(stats: HeapStats) -> str:
    """The figures as a table, below a bar that shows what the bytes of the heap are."""
    rows = "".join(
        f"<tr><td>{escape(line[:18].strip())}</td>"
        f'<td style="text-align:right">{escape(line[18:].strip())}</td></tr>'
        for line in str(stats).splitlines()
    )
    return f"<div>{_bar(stats)}<table><caption>rheap.HeapStats</caption>{rows}</table></div>"


def _bar(stats: HeapStats) -> str:
    seen = stats.pinned_bytes + stats.handed_out_bytes + stats.lingering_bytes
    parts = {
        WORD: stats.overhead_bytes,
        BlockState.LIVE: stats.live_bytes - seen,
        BlockState.PINNED: stats.pinned_bytes,
        BlockState.HANDED_OUT: stats.handed_out_bytes,
        BlockState.LINGERING: stats.lingering_bytes,
        BlockState.FREE: stats.free_bytes,
        WILDERNESS: stats.wilderness_bytes,
    }
    shapes, place = "", 0
    for kind, bytes_ in parts.items():
        if bytes_ > 0:
            x, width = (_WIDTH * part / stats.capacity for part in (place, bytes_))
            shapes += _shape(Span(place, place + bytes_, kind), x, 0, width)
            place += bytes_
    legend = "".join(_legend([kind for kind, bytes_ in parts.items() if bytes_ > 0], _ROW + 18))
    return _svg(_WIDTH, _ROW + 24, shapes + legend, False)


def heap_html(heap: Heap) -> str:
    """The heap's map, or that it is closed."""
    name = f"<code>{escape(repr(heap))}</code>"
    return name if heap.closed else f"<div>{name}<br>{map_svg(heap.map())}</div>"


def block_html(block: Block) -> str:
    """What a block says of itself, and its bytes drawn: a word, then the payload."""
    name = f"<code>{escape(repr(block))}</code>"
    if block.freed:
        return name
    word = Span(block.offset - 8, block.offset, WORD)
    state = "pinned" if block.pinned else "live"
    info = f"{block.size:,} bytes asked for, {block.capacity:,} reserved, {state}"
    scale = max(block.capacity / (_WIDTH - 32), _FINEST)
    shapes = _shape(word, _ADDRESSES, 0, 32) + _shape(
        Span(block.offset, block.offset + block.capacity, state),
        _ADDRESSES + 32,
        0,
        block.capacity / scale,
    )
    text = f'<text x="0" y="17">+0x{word.start:x}</text><text x="0" y="42">{escape(info)}</text>'
    return f"<div>{name}<br>{_svg(_ADDRESSES + _WIDTH, 48, shapes + text, False)}</div>"


def _svg(width: int, height: int, shapes: str, standalone: bool) -> str:
    style = _STYLE + (_OWN_GROUND if standalone else "")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -8 {width + 16} {height + 16}" '
        f'width="{width + 16}" height="{height + 16}" style="max-width:100%;height:auto">'
        f"<style>{style}</style>{shapes}</svg>"
    )


def _rows(
    spans: Iterable[Span], origin: int, row_bytes: int, rows: int
) -> Iterator[list[Span | _Crowd]]:
    """The pieces of each row; what is narrower than a pixel is one piece with its neighbours."""
    pixel = row_bytes / _WIDTH
    row: list[Span | _Crowd] = []
    number = 0
    crowd: _Crowd | None = None
    for whole in spans:
        while number < rows:
            stop = origin + (number + 1) * row_bytes
            span = whole.within(stop - row_bytes, stop)
            narrow = span.end - span.start < pixel
            if crowd is not None and (not narrow or crowd.end - crowd.start >= pixel):
                row.append(crowd)
                crowd = None
            if narrow:
                crowd = crowd or _Crowd(span.start, span.start)
                crowd.add(span)
            else:
                row.append(span)
            if whole.end < stop:
                break
            if crowd is not None:
                row.append(crowd)
                crowd = None
            yield row
            row = []
            number += 1
            if whole.end == stop:
                break
    if crowd is not None:
        row.append(crowd)
    if number < rows:
        yield row


def _shape(piece: Span | _Crowd, x: float, y: int, width: float) -> str:
    title = piece.words if isinstance(piece, _Crowd) else _title(piece)
    gap = 0.75 if width > 3 else 0
    rect = (
        f'<rect class="{piece.kind.replace(" ", "-")}" x="{x:.2f}" y="{y}" '
        f'width="{max(width - gap, _THINNEST):.2f}" height="{_ROW}">'
        f"<title>{escape(title)}</title></rect>"
    )
    if width < _SIGN_FITS or piece.kind == WILDERNESS:
        return rect
    sign = escape(LEGEND[piece.kind][0])
    pale = " pale" if piece.kind in PALE else ""
    return f'{rect}<text class="sign{pale}" x="{x + width / 2:.2f}" y="{y + 17}">{sign}</text>'


def _title(span: Span) -> str:
    if span.block is None:
        return f"{LEGEND[span.kind][1]}, {span.end - span.start:,} bytes"
    if span.kind == WORD:
        return f"word of the block at +0x{span.block.offset:x}"
    return _told(span.block)


def _told(block: BlockInfo) -> str:
    asked = f"{block.size:,} bytes asked for, " if block.state.is_live else ""
    held = f", held by {block.holders} at the least" if block.holders else ""
    site = f", allocated at {block.site}" if block.site else ""
    return f"+0x{block.offset:x}: {asked}{block.capacity:,} reserved, {block.state}{held}{site}"


def _legend(kinds: list[str], y: int) -> Iterator[str]:
    x = 0
    for kind in kinds:
        sign, name = LEGEND[kind]
        text = f"{sign} {name}"
        box = f'x="{x}" y="{y - 10}" width="12" height="12"'
        yield f'<rect class="{kind.replace(" ", "-")}" {box}/>'
        yield f'<text x="{x + 18}" y="{y}">{escape(text)}</text>'
        x += 34 + round(7.3 * len(text))


def _folded(text: str, columns: int) -> Iterator[str]:
    line = ""
    for item in text.split(", "):
        if line and len(line) + len(item) > columns:
            yield line + ","
            line = item
        else:
            line = f"{line}, {item}" if line else item
    yield line
