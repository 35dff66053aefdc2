"""Traces as text: parsed, refused, and exported again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rheap import _core
from rheap.errors import TraceError


def parse(text: str, *, parts: int = 1) -> _core.Trace:
    parser = _core.TraceParser("text")
    data = text.encode()
    step = max(len(data) // parts, 1)
    for start in range(0, len(data), step):
        parser.feed(data[start : start + step])
    return parser.finish()


def moving(words: Sequence[str]) -> tuple[str, ...]:
    """An exercise, with a compaction after each seventeenth operation."""
    return tuple(
        each
        for at, word in enumerate(words)
        for each in ((word, "c") if at % 17 == 16 else (word,))
    )


def written(trace: _core.Trace) -> list[str]:
    """The lines of an export behind its four numbers."""
    parts: list[bytes] = []
    trace.write(parts.append)
    return b"".join(parts).decode().splitlines()[4:]


def refusal(text: str) -> tuple[int, str]:
    with pytest.raises(TraceError) as caught:
        parse(text)
    assert caught.value.file == "text"
    assert str(caught.value) == f"text, line {caught.value.line}: {caught.value.reason}"
    return caught.value.line, caught.value.reason
