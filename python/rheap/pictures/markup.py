"""Pictures as text in colour, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .palette import COLOURS, PALE, WILDERNESS
from .segments import PLACE, Line, Segment

_STYLES = {
    kind: f"background:{colour};color:{'#1f1f1f' if kind in PALE else '#fff'}"
    for kind, colour in COLOURS.items()
}
_STYLES[WILDERNESS] = _STYLES[PLACE] = "opacity:.6"


def preformatted(lines: Iterable[Line]) -> str:
    """The lines as an element, each segment in the colours of its kind."""
    text = "\n".join("".join(map(_marked, line)) for line in lines)
    return f'<pre style="font:12px/1.5 ui-monospace,monospace">{text}</pre>'


def _marked(segment: Segment) -> str:
    text = escape(segment.text)
    return f'<span style="{_STYLES[segment.kind]}">{text}</span>' if segment.kind else text
