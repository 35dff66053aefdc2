"""Traces: what a program asked of its allocator, one operation a line.

    # rheap 1 time thread site      if it is the first line: further columns on each operation's
    12                              bare numbers before the first operation say nothing
    a ID BYTES                      allocates
    r ID BYTES                      reallocates
    f ID                            frees

Ids are numbers below 2**64 and may be used again after their free. Empty lines and those that
begin with # are skipped. The further columns, any of them in this order: `time`, microseconds
since the recording began; `thread`, a small number; `site`, the rest of the line, with backslash,
newline and carriage return escaped by a backslash. A file may be gzipped, whatever its name.

A recorder that is killed leaves zero bytes behind its last line, and before them part of a line at
most. A last line without its end that cannot be read is left out.
"""

from .reading import load

__all__ = ["load"]
