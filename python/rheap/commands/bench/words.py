"""Figures as text: numbers that fit a column, sentences, a line of time."""

from __future__ import annotations

from collections.abc import Sequence

from ...console.terminal import encodable
from ...replay.figure import Figure


def ratio(value: float) -> str:
    """A ratio in four characters, or as many as its digits before the point.

    >>> ratio(0.256), ratio(1.673), ratio(140.2), ratio(0.0004)
    ('0.26', '1.67', '140', '<.01')
    """
    if value < 0.01:
        return "<.01"
    return f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def span(figure: Figure) -> str:
    """The spread of a ratio in at most seven characters.

    >>> span(Figure(0.25, 0.241, 0.28)), span(Figure(1.6, 1.57, 1.64))
    ('.24-.28', '1.6-1.6')
    """
    if figure.high < 0.01:
        return ""
    digits = 2 if figure.high < 0.995 else 1 if figure.high < 9.95 else 0
    ends = (f"{end:.{digits}f}" for end in (figure.low, figure.high))
    return "-".join(end.removeprefix("0") if digits == 2 else end for end in ends)


def fine(figure: Figure) -> str:
    """A ratio to three digits, with its spread."""
    places = 2 if figure.median >= 0.1 else 3 if figure.median >= 0.01 else 4
    return f"{figure.median:.{places}f} ({figure.low:.{places}f} to {figure.high:.{places}f})"


def pace(ratio: Figure, other: str) -> str:
    """A ratio of two times in words, with its spread.

    >>> pace(Figure(0.47, 0.45, 0.5), "bytearray(64)")
    '2.1 times as fast as bytearray(64) (2.0 to 2.2)'
    >>> pace(Figure(1.3, 1.18, 1.42), "glibc")
    '1.3 times as slow as glibc (1.2 to 1.4)'
    """
    if ratio.median > 1:
        return _times(ratio, f"slow as {other}")
    return _times(ratio.inverse, f"fast as {other}")


def amount(ratio: Figure, other: str) -> str:
    """A ratio of two amounts of memory in words, with its spread.

    >>> amount(Figure(0.52, 0.5, 0.54), "glibc")
    '0.52 times as much as glibc (0.50 to 0.54)'
    """
    return _times(ratio, f"much as {other}")


def _times(ratio: Figure, words: str) -> str:
    places = 2 if ratio.median < 0.995 else 1 if ratio.median < 9.95 else 0
    median, low, high = (f"{value:,.{places}f}" for value in (ratio.median, ratio.low, ratio.high))
    return f"{median} times as {words} ({low} to {high})"


def duration(seconds: float) -> str:
    """A time to at most three digits.

    >>> duration(3.4e-8), duration(0.0123), duration(4.0e-6)
    ('34 ns', '12.3 ms', '4 us')
    """
    for unit, factor in (("ns", 1e9), (encodable("\N{MICRO SIGN}s", "us"), 1e6), ("ms", 1e3)):
        if seconds * factor < 999.5:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def over_time(values: Sequence[float], top: float, width: int) -> str:
    """Values as a line of `width` bars, `top` the highest that a bar can be."""
    levels = encodable(" ▁▂▃▄▅▆▇█", " .:-=+*#@")
    picked = [
        max(
            values[
                i * len(values) // width : max(
                    (i + 1) * len(values) // width, i * len(values) // width + 1
                )
            ]
        )
        for i in range(width)
    ]
    return "".join(levels[min(round(value / top * 8), 8)] for value in picked)
