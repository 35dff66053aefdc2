"""Pictures as text in colour, for terminals: needs rich when it is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .palette import COLOURS, PALE, WILDERNESS
from .segments import PLACE, Line

if TYPE_CHECKING:
    from rich.text import Text

_STYLES = {
    kind: f"{'black' if kind in PALE else 'white'} on {colour}" for kind, colour in COLOURS.items()
}
_STYLES[WILDERNESS] = "dim"  # nothing is there
_STYLES[PLACE] = "dim"


def paint(lines: Iterable[Line]) -> Text:
    """The lines, each segment in the colours of its kind."""
    from rich.text import Text

    return Text("\n").join(
        Text.assemble(*((text, _STYLES[kind]) if kind else text for text, kind in line))
        for line in lines
    )
