"""Where will the next block go? What a reader may answer, and how offsets are written."""

from __future__ import annotations

import re

NOWHERE = "none"
RULE = (
    "the offset of its payload in hexadecimal, as the map writes it (such as +0x5abc, 0x5abc or "
    f"5abc), or {NOWHERE!r} if the request is refused; Enter alone skips"
)


def shown(place: int | None) -> str:
    """An offset as the pictures write it; `NOWHERE` for a request that was refused."""
    return NOWHERE if place is None else f"+0x{place:x}"


def take_guess(prompt: str) -> str | None:
    """Asks until the answer follows the `RULE`; returns it as `shown` would, None if skipped.

    Raises `EOFError` when the reader's input ends.
    """
    while True:
        text = input(prompt).strip().lower()
        if not text:
            return None
        if text == NOWHERE:
            return NOWHERE
        if offset := re.fullmatch(r"\+?(?:0x)?([0-9a-f]+)", text):
            return shown(int(offset.group(1), 16))
        print(
            f"{text!r} is no offset; type one in hexadecimal (+0x5abc, 0x5abc or 5abc), "
            f"{NOWHERE!r}, or Enter alone to skip."
        )
