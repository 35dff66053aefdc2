"""The closest look at a region: each 8 bytes as they are, and what each bit of them means."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .._core import WORD_BYTES, Word
from ..reports import BlockState
from .palette import FENCE, LEGEND, WILDERNESS, WORD
from .spans import Span

WORD_BITS = (
    "bits of a word: 63-40 check code, 39-3 payload in units of 8 bytes, "
    "2-1 state (00 live, 01 deferred, 10 free), 0 set when the block before is free"
)
_MOST_LINES = 8  # of a payload; of more the ends
_NARROW = 24  # columns: less than that is not enough to stand beside the bytes


class Closeup(NamedTuple):
    """Bytes of a region: `words` 8 of them by their place, `unlinked` the payloads of blocks that
    are in no list, so that no links stand there."""

    words: Mapping[int, int]
    unlinked: frozenset[int]

    def places(self, start: int, end: int) -> list[int]:
        """Those of the words between two offsets, in order. (They may be gigabytes apart.)"""
        return [at for at in self.words if start <= at < end]


class Meaning(NamedTuple):
    """What 8 bytes are: `label` in one word (none for payload), with `text` behind it in full."""

    label: str
    text: str


def word_lines(spans: Iterable[Span], closeup: Closeup, width: int) -> list[str]:
    """Lines of up to `width` columns: a place, the sign of its kind, 8 bytes, what they mean. What
    is left out is counted."""
    rows = [row for span in spans for row in _rows(span, closeup)]
    places = max((len(place) for place, _, _, _ in rows), default=0)
    return [line for row in rows for line in _lines(row, places, width)]


def meaning(span: Span, at: int, closeup: Closeup) -> Meaning:
    """What the 8 bytes at the place `at` of this span mean."""
    value = closeup.words[at]
    if span.kind == WORD:
        return Meaning("", _word(value))
    if span.kind == FENCE:
        return Meaning("", "an overrun would break it")
    assert span.block is not None
    place = at - span.block.offset
    is_free = span.kind == BlockState.FREE
    linked = span.block.offset not in closeup.unlinked
    if place == 0 and linked and (is_free or span.kind == BlockState.DEFERRED):
        return Meaning("next", f"in its list: {_link(value)}")
    if place == WORD_BYTES and is_free and (linked or span.block.capacity == 16):
        mark = "bit 0 set: no footer" if span.block.capacity == 16 else "bit 0 set"
        return Meaning("prev", f"in its list: {_link(value & ~1)}, {mark}")
    if place == span.block.capacity - WORD_BYTES and is_free:
        return Meaning("size", f"of the free block that ends here: {value:,} bytes")
    return Meaning("", _text(value))


def _rows(span: Span, closeup: Closeup) -> Iterator[tuple[str, str, str, str]]:
    """(place, sign, bytes, meaning) of what is shown of a span, and of what is left out."""
    sign, name = LEGEND[span.kind]
    length = span.end - span.start
    if span.kind == WILDERNESS:
        yield f"+0x{span.start:x}", sign, "", f"... {length:,} bytes of {name}"
        return
    places = closeup.places(span.start, span.end)
    if len(places) > _MOST_LINES:
        places = [*places[:2], places[-1]]
    shown_to = span.start
    for at in places:
        if at > shown_to:
            yield "", sign, "", f"... {at - shown_to:,} bytes more"
        label, text = meaning(span, at, closeup)
        bytes_ = closeup.words[at].to_bytes(WORD_BYTES, "little").hex(" ")
        yield f"+0x{at:x}", sign, bytes_, f"{label} {text}".strip()
        shown_to = at + WORD_BYTES
    if span.end > shown_to:
        yield "", sign, "", f"... {span.end - shown_to:,} bytes more"


def _lines(row: tuple[str, str, str, str], places: int, width: int) -> list[str]:
    place, sign, bytes_, text = row
    start = f"{place:{places}} {sign}  " + (f"{bytes_}  " if bytes_ else "")
    indent = " " * len(start) if width - len(start) >= _NARROW else "    "
    return textwrap.wrap(start + text, width, subsequent_indent=indent, drop_whitespace=True)


def _word(value: int) -> str:
    word = Word(value)
    before = "free (1)" if word.after_free else "not free (0)"
    return (
        f"{word.payload:,} bytes ({word.payload // WORD_BYTES:,}), "
        f"{word.state or 'no state'} ({word.state_bits:02b}), "
        f"before {before}, check {word.check:06x}"
    )


def _link(offset: int) -> str:
    return f"+0x{offset:x}" if offset else "none"


def _text(value: int) -> str:
    bytes_ = value.to_bytes(WORD_BYTES, "little")
    return "".join(chr(byte) if 32 < byte < 127 else "." for byte in bytes_)
