"""Traces: what a program asked of its allocator, one operation a line.

Recordings are text of version 2, which begins with this line:

    # rheap 2
    a BYTES             allocates so many bytes
    r BACK BYTES        reallocates the block of the BACK-th last `a`: 1 is the last one
    f BACK              frees it
    c [BYTES]           compacts the heap; with a bound, moves at most so many bytes for that
    s SITE [TEXT]       what follows is asked for there; the text comes once, the first time
    t THREAD            what follows is done by this thread
    u MICROSECONDS      what follows happens so much later

So `a 100`, `a 20`, `f 2` allocates 100 bytes, then 20, and frees the 100. `c` stands where
`Heap.compact` was called on a recorded heap, `c 4096` for `max_bytes=4096`; a call with
`max_seconds` has the bytes that it moved. (What a heap moves by itself is no operation, and a
replay moves pinned blocks, too, since nobody looks at its blocks.) Sites are numbered from 1
on, as they come; 0 is an unknown one. Their text is "FILE:LINE FUNCTION", with backslash, newline
and carriage return escaped by a backslash. Until it is told, the site is unknown, the thread is 0,
and no time has passed. A line counts once its end is there: a recorder that is killed leaves zero
bytes behind its last line, and before them part of a line at most, which is left out.

A text without that line is read as version 1, which older recordings are, and what other programs
write:

    # rheap 1 time thread site      if it is the first line: further columns on each operation's
    12                              bare numbers before the first operation say nothing
    a ID BYTES                      allocates
    r ID BYTES                      reallocates
    f ID                            frees

It has no compactions. Ids are numbers below 2**64 and may be used again after their free. The
further columns, any of them in this order: `time`, microseconds since the recording began;
`thread`, a small number; `site`, the rest of the line, escaped as above. A last line without its
end that cannot be read is left out.

In both, empty lines and those that begin with # are skipped, a size is at most 1 TiB, and of a site
the first 2048 bytes count. A file may be gzipped, whatever its name.
"""

from .reading import load

__all__ = ["load"]
