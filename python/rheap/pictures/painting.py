"""The text of a map in colour, for terminals: needs rich when it is called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .palette import COLOURS, LEGEND, PALE, WILDERNESS

if TYPE_CHECKING:
    from rich.text import Text

_COLOURS = {
    kind: f"{'black' if kind in PALE else 'white'} on {colour}" for kind, colour in COLOURS.items()
}
_COLOURS[WILDERNESS] = "dim"  # nothing is there
_BY_SIGN = {sign: _COLOURS[kind] for kind, (sign, _) in LEGEND.items()}
_SIGNS = "".join(re.escape(sign) for sign in _BY_SIGN)
_MAP_ROW = re.compile(rf"^\s*(\+0x[0-9a-f]+ +)([{_SIGNS}]+)$", re.MULTILINE)
_BYTES_ROW = re.compile(
    rf"^\s*(\+0x[0-9a-f]+)? +([{_SIGNS}])  ([0-9a-f]{{2}}(?: [0-9a-f]{{2}}){{0,7}}|\.\.\.)",
    re.MULTILINE,
)
_LEGEND_ITEM = re.compile(
    "|".join(rf"(?:^|(?<=  )){re.escape(sign)} {name}\b" for sign, name in LEGEND.values()),
    re.MULTILINE,
)


def painted_map(text: str) -> Text:
    """The text, with a colour for each sign of a map, each byte of a closer look and each sign of
    a legend in it."""
    from rich.text import Text

    painted = Text(text)
    for row in _MAP_ROW.finditer(text):
        painted.stylize("dim", *row.span(1))
        start = row.start(2)
        for run in re.finditer(r"(.)\1*", row.group(2)):
            painted.stylize(_BY_SIGN[run.group(1)], start + run.start(), start + run.end())
    for line in _BYTES_ROW.finditer(text):
        painted.stylize("dim", *line.span(1))
        for group in (2, 3):
            painted.stylize(_BY_SIGN[line.group(2)], *line.span(group))
    for item in _LEGEND_ITEM.finditer(text):
        painted.stylize(_BY_SIGN[item.group()[0]], item.start(), item.start() + 1)
    return painted
