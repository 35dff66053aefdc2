"""The colours of the pictures: one for each kind of bytes.

Okabe and Ito, "Color universal design" (2008), chose most of them so that people who see colours
differently can tell them apart; signs and words say the same without colour.
"""

from __future__ import annotations

from .reports import BlockState

WORD = "word"
FENCE = "fence"
WILDERNESS = "wilderness"

COLOURS: dict[str, str] = {
    WORD: "#5b5b5b",
    BlockState.LIVE: "#0072b2",  # blue
    BlockState.PINNED: "#e69f00",  # orange
    BlockState.HANDED_OUT: "#cc79a7",  # reddish purple
    BlockState.LINGERING: "#d55e00",  # vermilion
    FENCE: "#882255",  # wine: black would be lost on a dark ground
    BlockState.DEFERRED: "#56b4e9",  # sky blue
    BlockState.FREE: "#f0e442",  # yellow: a hole is light, what is taken is dark
    WILDERNESS: "#bdbdbd",
}
"""By kind, on a light ground as on a dark one."""

PALE = (BlockState.PINNED, BlockState.DEFERRED, BlockState.FREE, WILDERNESS)
"""Those on which a sign must be dark."""
