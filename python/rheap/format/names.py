"""Names as text that can be printed, whatever they are."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text, or with escapes in it where a character of it cannot be printed.

    >>> printable("caf\\xe9"), printable("a\\nb"), printable("caf\\udce9")
    ('caf\\xe9', 'a\\\\nb', 'caf\\\\udce9')
    """
    return text if text.isprintable() else text.encode("unicode_escape").decode()
