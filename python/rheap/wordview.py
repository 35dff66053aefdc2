"""The closest look at a region: each 8 bytes as they are, and what each bit of them means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from .palette import FENCE, WILDERNESS, WORD
from .reports import BlockState

if TYPE_CHECKING:
    from .heapmap import Span

_WORD_BYTES = 8
_SIZE_BITS = 40  # of a block's word: size, state and mark; the 24 above are the check code
_STATES = ("live", "deferred", "free")
_MOST_ALIKE = 3  # lines of payload in a row; of more, the first and a count


def word_lines(spans: Iterable[Span], words: Sequence[int], origin: int) -> list[str]:
    """A line for each of the `words`, of which the first stands at the offset `origin`.

    Lines of payload that nobody reads as anything are cut short where there are many.
    """
    rows = []
    for span in spans:
        for at in range(span.start, min(span.end, origin + len(words) * _WORD_BYTES), _WORD_BYTES):
            value = words[(at - origin) // _WORD_BYTES]
            rows.append((at, value, _meaning(span, at, value)))
    width = len(f"+0x{rows[-1][0]:x}") if rows else 0
    return list(_shortened(rows, width))


def _shortened(rows: list[tuple[int, int, str]], width: int) -> Iterator[str]:
    for is_payload, group in groupby(rows, lambda row: row[2].startswith("payload")):
        lines = list(group)
        cut = len(lines) if not is_payload or len(lines) <= _MOST_ALIKE else 1
        for at, value, meaning in lines[:cut]:
            bytes_ = value.to_bytes(_WORD_BYTES, "little").hex(" ")
            yield f"{f'+0x{at:x}'.ljust(width)}  {bytes_}  {meaning}"
        if cut < len(lines):
            yield f"{'':{width}}  ... {(len(lines) - cut) * _WORD_BYTES:,} more bytes of payload"


def _meaning(span: Span, at: int, value: int) -> str:
    if span.kind == WORD:
        return _word(value)
    if span.kind == FENCE:
        return "fence: an overrun would break it"
    if span.kind == WILDERNESS or span.block is None:
        return "wilderness"
    place = at - span.block.offset
    if span.kind == BlockState.DEFERRED and place == 0:
        return f"next deferred block of this size: {_link(value)}"
    if span.kind == BlockState.FREE:
        if place == 0:
            return f"next free block in its list: {_link(value)}"
        if place == _WORD_BYTES and value & 1:
            only = ", odd: no room for a footer" if span.block.capacity == 16 else ""
            return f"previous free block, tagged by its lowest bit: {_link(value & ~1)}{only}"
        if at == span.block.offset + span.block.capacity - _WORD_BYTES:
            return f"footer: a free block of {value:,} bytes ends here"
    return f"payload {_text(value)}"


def _word(value: int) -> str:
    low = value & ((1 << _SIZE_BITS) - 1)
    state = low >> 1 & 3
    name = _STATES[state] if state < len(_STATES) else "no state"
    before = "free" if low & 1 else "not free"
    return (
        f"word: check code {value >> _SIZE_BITS:06x}, payload {low >> 3:,} x 8 bytes, "
        f"state {state:02b} {name}, bit 0 {low & 1}: the block before is {before}"
    )


def _link(offset: int) -> str:
    return f"+0x{offset:x}" if offset else "none"


def _text(value: int) -> str:
    bytes_ = value.to_bytes(_WORD_BYTES, "little")
    return "".join(chr(byte) if 32 < byte < 127 else "." for byte in bytes_)
