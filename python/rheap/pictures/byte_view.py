"""The bytes of a region: each 8 of them as they are, and what each bit of them means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .._core import WORD_BYTES, WORD_FIELDS, Word
from ..reports import BlockState
from .palette import FENCE, LEGEND, WILDERNESS, WORD
from .segments import PLACE, Line, Segment, wrap
from .spans import Span


def _tell_bits() -> str:
    """What each bit of a word means, from the highest to the lowest; the core says where they
    are."""
    state_bit = WORD_FIELDS["state"]
    states = {f"{bits:02b}": Word(bits << state_bit).state for bits in range(4)}
    named = ", ".join(f"{bits} {name}" for bits, name in states.items() if name)
    meanings = {
        "check": "check code",
        "payload": f"payload in units of {WORD_BYTES} bytes",
        "state": f"state ({named})",
        "after_free": "set when the block before is free",
    }
    told, above = [], 8 * WORD_BYTES
    for field, low in WORD_FIELDS.items():
        bits = f"{low}" if above - 1 == low else f"{above - 1}-{low}"
        told.append(f"{bits} {meanings[field]}")
        above = low
    return f"bits of a word: {', '.join(told)}"


WORD_BITS = _tell_bits()
_MOST_LINES = 8  # of a payload; of more the ends
_NARROW = 24  # columns: less than that is not enough to stand beside the bytes


class ByteView(NamedTuple):
    """Bytes of a region: `words` are 8 of them by their place."""

    words: Mapping[int, int]

    def places(self, start: int, end: int) -> list[int]:
        """Those of the words between two offsets, in order. (They may be gigabytes apart.)"""
        return [at for at in self.words if start <= at < end]


class Meaning(NamedTuple):
    """What 8 bytes are: `label` in one word (none for payload), with `text` behind it in full."""

    label: str
    text: str


def byte_lines(spans: Iterable[Span], view: ByteView, width: int) -> Iterator[Line]:
    """Lines of up to `width` columns: a place, the sign of its kind, 8 bytes, what they mean. What
    is left out is counted."""
    rows = [row for span in spans for row in _rows(span, view)]
    places = max((len(row.place) for row in rows), default=0)
    for row in rows:
        yield from _lines(row, places, width)


def meaning(span: Span, at: int, view: ByteView) -> Meaning:
    """What the 8 bytes at the place `at` of this span mean."""
    value = view.words[at]
    if span.kind == WORD:
        return Meaning("", _word(value))
    if span.kind == FENCE:
        return Meaning("", "an overrun would break it")
    assert span.block is not None
    place = at - span.block.offset
    is_free = span.kind == BlockState.FREE
    if place == 0 and (is_free or span.kind == BlockState.DEFERRED):
        return Meaning("next", f"in its list: {_link(value)}")
    if place == WORD_BYTES and is_free:
        mark = "bit 0 set: no footer" if span.block.capacity == 16 else "bit 0 set"
        return Meaning("prev", f"in its list: {_link(value & ~1)}, {mark}")
    if place == span.block.capacity - WORD_BYTES and is_free:
        return Meaning("size", f"of the free block that ends here: {value:,} bytes")
    owners = span.block.owners if place == 0 else None
    return Meaning("", f"{_text(value)}  {owners}" if owners else _text(value))


class _Row(NamedTuple):
    """Bytes that are shown of a span, or left out, and what they are."""

    kind: str
    place: str
    shown: str
    text: str


def _rows(span: Span, view: ByteView) -> Iterator[_Row]:
    """What is shown of a span, and what is left out."""
    kind = span.kind
    length = span.end - span.start
    if kind == WILDERNESS:
        yield _Row(kind, f"+0x{span.start:x}", "...", f"{length:,} bytes of {LEGEND[kind][1]}")
        return
    places = view.places(span.start, span.end)
    if len(places) > _MOST_LINES:
        places = [*places[:2], places[-1]]
    shown_to = span.start
    for at in places:
        if at > shown_to:
            yield _Row(kind, "", "...", f"{at - shown_to:,} bytes more")
        label, text = meaning(span, at, view)
        bytes_ = view.words[at].to_bytes(WORD_BYTES, "little").hex(" ")
        yield _Row(kind, f"+0x{at:x}", bytes_, f" {label} {text}" if label else f" {text}")
        shown_to = at + WORD_BYTES
    if span.end > shown_to:
        yield _Row(kind, "", "...", f"{span.end - shown_to:,} bytes more")


def _lines(row: _Row, places: int, width: int) -> Iterator[Line]:
    line = (
        Segment(row.place.ljust(places), PLACE),
        Segment(" "),
        Segment(LEGEND[row.kind][0], row.kind),
        Segment("  "),
        Segment(row.shown, row.kind),
        Segment(f" {row.text}"),
    )
    before = places + 4 + (len(row.shown) + 2 if row.place and row.shown != "..." else 0)
    indent = " " * before if width - before >= _NARROW else "    "
    return wrap(line, width, indent)


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
