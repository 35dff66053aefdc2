"""Sizes as people write them, and the bytes that shapes take."""

from __future__ import annotations

import math
import operator
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

UNITS = {
    "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_BY_LOWER_CASE = {unit.lower(): factor for unit, factor in UNITS.items()}
_LONGEST_NUMBER = 60  # digits
_DIGITS = "0123456789"
_SPACES = " \t\n\r\f\v"


def parse_size(value: object, name: str = "size") -> int:
    """Bytes from an int, an object with `__index__`, or a string such as "64 MiB" or "1.5 GB".

    Raises `TypeError` for other types (and `bool`), `ValueError` for a negative size, an unknown
    unit or a fraction of a byte, `OverflowError` for what no address can hold.

    >>> parse_size("64 MiB"), parse_size("1.5 kB"), parse_size(100)
    (67108864, 1500, 100)
    """
    if isinstance(value, str):
        size = _from_text(value, name)
        shown = _show(value)
    elif isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(
            f"{name} must be an int (bytes) or a string such as '64 MiB', "
            f"not {type(value).__name__}: {value!r}"
        )
    else:
        size = operator.index(value)
        shown = _show(size)
    if size < 0:
        raise ValueError(f"{name} must not be negative, but is {shown}")
    if size > sys.maxsize:
        raise OverflowError(f"{name} {shown} is more than an address can hold")
    return size


def _from_text(text: str, name: str) -> int:
    # No regular expression: to import `re` costs more than the rest of the package.
    stripped = text.strip(_SPACES)
    sign = stripped[:1] if stripped[:1] in {"+", "-"} else ""
    unsigned = stripped[len(sign) :]
    unit = unsigned.lstrip(_DIGITS + ".")
    number = unsigned[: len(unsigned) - len(unit)]
    unit = unit.lstrip(_SPACES)
    whole, dot, decimals = number.partition(".")
    written = whole and bool(dot) == bool(decimals) and "." not in decimals
    if not written or any(character in unit for character in _DIGITS + _SPACES + "."):
        raise ValueError(f"{name} {_show(text)} is not a size; write bytes or, say, '64 MiB'")
    factor = _BY_LOWER_CASE.get(unit.lower() or "b")
    if factor is None:
        known = ", ".join(UNITS)
        raise ValueError(f"{name} {_show(text)} has the unknown unit {unit!r}; known are {known}")
    if len(number) > _LONGEST_NUMBER:
        raise OverflowError(f"{name} {_show(text)} is more than an address can hold")
    parts: int = 10 ** len(decimals)
    size, rest = divmod(int(whole + decimals) * factor, parts)
    if rest:
        raise ValueError(f"{name} {_show(text)} is not a whole number of bytes")
    return -size if sign == "-" else size


def _show(value: int | str) -> str:
    """A value for a message, however long it is. (Python refuses to print very long numbers.)"""
    if isinstance(value, str):
        return repr(value) if len(value) <= 60 else f"{value[:50]!r}... ({len(value)} characters)"
    if value.bit_length() <= 256:
        return str(value)
    return f"{'-' if value < 0 else ''}0x... ({value.bit_length()} bits)"


def format_size(size: float) -> str:
    """A size to read at a glance.

    >>> format_size(512), format_size(104857600), format_size(1500)
    ('512 B', '100 MiB', '1.46 KiB')
    """
    if size < 1024:
        return f"{size:.0f} B"
    power = min(int(math.log2(size * 1.0005)) // 10, 4)  # 1023.9 KiB rounds to 1 MiB
    value = size / 1024**power
    digits = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {('', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def view_bytes(format: str, shape: Sequence[int]) -> int:
    """How many bytes a shape of items of a struct format takes.

    >>> view_bytes("I", (8, 8))
    256
    """
    dimensions = [operator.index(dimension) for dimension in shape]
    if any(dimension < 0 for dimension in dimensions):
        raise ValueError(f"shape must not be negative, but is {tuple(dimensions)}")
    try:
        item = struct.calcsize(format)
    except struct.error as error:
        raise ValueError(f"format {format!r} is not a struct format: {error}") from None
    return item * math.prod(dimensions)
