"""The language of the pictures: for each kind of bytes a sign, a name and a colour.

Most of the colours are those that Okabe and Ito, "Color universal design" (2008), chose so that
people who see colours differently can tell them apart; signs and words say the same without colour.
"""

from __future__ import annotations

from .. import _core
from ..reports import BlockState

WORD, FENCE, WILDERNESS = _core.KINDS[len(_core.STATES) :]
LIVE = BlockState.LIVE.value
FREE = BlockState.FREE.value

LEGEND: dict[str, tuple[str, str]] = {
    WORD: ("|", "word"),
    BlockState.LIVE: ("#", "live"),
    BlockState.PINNED: ("P", "pinned"),
    BlockState.EXPOSED: ("X", "exposed"),
    BlockState.LINGERING: ("L", "lingering"),
    FENCE: ("!", "fence"),
    BlockState.DEFERRED: ("-", "freed, unmerged"),
    BlockState.FREE: (".", "free"),
    WILDERNESS: ("~", "wilderness"),
}
"""By kind: the sign that draws it, and what it is called."""

COLOURS: dict[str, str] = {
    WORD: "#4a4a4a",
    BlockState.LIVE: "#0072b2",  # blue
    BlockState.PINNED: "#e69f00",  # orange
    BlockState.EXPOSED: "#cc79a7",  # reddish purple
    BlockState.LINGERING: "#d55e00",  # vermilion
    FENCE: "#8e81e3",  # lavender: beside words, and black would be lost on a dark ground
    BlockState.DEFERRED: "#8acdff",  # sky blue, paler than theirs: in grey it is not the orange
    BlockState.FREE: "#f0e442",  # yellow: a hole is light, what is taken is dark
    WILDERNESS: "#bdbdbd",
}
"""By kind, on a light ground as on a dark one."""

PALE = frozenset(COLOURS) - {WORD, BlockState.LIVE, BlockState.LINGERING}
"""Those on which a sign must be dark."""

SCALE = (
    "#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725",
)  # fmt: skip
"""From little to much: viridis (van der Walt and Smith, 2015), dark to light in even steps."""

NAMES = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8e81e3",
)  # fmt: skip
"""For things that have nothing but names: the largest first."""

OTHER = "#8a8a8a"
"""For all that have no colour of their own."""
