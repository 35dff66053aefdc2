"""Numbers that a call was given; one that makes no sense is refused by the argument's name."""

from __future__ import annotations

import operator

_LONGEST = 1e9  # seconds, as good as for ever


def parse_seconds(seconds: object, name: str) -> float:
    """A number of seconds from 0 on. Raises `TypeError` or `ValueError`.

    >>> parse_seconds(5, "timeout"), parse_seconds(float("inf"), "timeout")
    (5.0, 1000000000.0)
    """
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(seconds).__name__}")
    if not seconds >= 0:
        raise ValueError(f"{name} must be 0 or more seconds, not {seconds!r}")
    return float(min(seconds, _LONGEST))


def parse_count(count: object, name: str, most: int) -> int:
    """A whole number from 1 to `most`. Raises `TypeError` or `ValueError`.

    >>> parse_count(5, "objects", 10)
    5
    """
    if isinstance(count, bool) or not hasattr(count, "__index__"):
        raise TypeError(f"{name} must be an int, not {type(count).__name__}")
    number = operator.index(count)
    if not 1 <= number <= most:
        raise ValueError(f"{name} must be from 1 to {most:,}, not {number}")
    return number
