"""What a picture as text is made of: lines of segments. Plain text and colour are made of these."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import NamedTuple

PLACE = "place"
"""The kind of a segment that is an offset in the region."""


class Segment(NamedTuple):
    """Text of one kind: a key of `LEGEND`, `PLACE`, or None for words and figures."""

    text: str
    kind: str | None = None


Line = tuple[Segment, ...]


def plain(lines: Iterable[Line]) -> str:
    """The lines as text without colour."""
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def wrap(line: Line, width: int, indent: str = "", *, break_words: bool = True) -> Iterator[Line]:
    """The line in lines of up to `width` columns, broken at spaces; those but the first begin with
    `indent`."""
    text = plain([line])
    at = 0
    for number, part in enumerate(
        textwrap.wrap(
            text,
            width,
            subsequent_indent=indent,
            break_long_words=break_words,
            break_on_hyphens=False,
        )
    ):
        before = indent if number else ""
        found = part[len(before) :]
        at = text.index(found, at)
        cut = _cut(line, at, at + len(found))
        yield (Segment(before), *cut) if before else cut
        at += len(found)


def fill(items: Iterable[Line], between: str, width: int) -> Iterator[Line]:
    """Lines with as many of the items as fit into `width` columns, in order."""
    line: Line = ()
    for item in items:
        joined = (*line, Segment(between), *item)
        if line and len(plain([joined])) > width:
            yield line
            line = item
        else:
            line = joined if line else item
    if line:
        yield line


def _cut(line: Line, start: int, end: int) -> Line:
    """The columns of a line from one to before another."""
    parts, at = [], 0
    for text, kind in line:
        part = text[max(start - at, 0) : max(end - at, 0)]
        if part:
            parts.append(Segment(part, kind))
        at += len(text)
    return tuple(parts)
