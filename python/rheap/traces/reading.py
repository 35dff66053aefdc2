"""Reads trace files, plain or gzipped; errors name the line that is wrong."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib

from .._core import Trace, TraceParser
from ..console.progress import Progress
from ..errors import TraceError
from ..format.names import printable

_GZIP_MAGIC = b"\x1f\x8b"
_PART = 1 << 20  # bytes


def load(path: str) -> Trace:
    """The trace in a file, plain or gzipped, with a progress bar where somebody watches.

    Its `source` is the file's name, escaped where that cannot be printed. A last line that was torn
    is left out, and stderr says so. Raises `TraceError` where the text is not a trace, `OSError`
    when it cannot be read.
    """
    name = printable(path)
    parser = TraceParser(name)
    with open(path, "rb") as file, Progress(f"reading {name}", os.stat(path).st_size) as progress:
        text = _unzipped(file)
        while part := _read(text, parser):
            parser.feed(part)
            if file.seekable():
                progress.advance(file.tell())
    trace = parser.finish()
    if trace.torn_line is not None:
        print(f"{name} breaks off in line {trace.torn_line}, which is left out", file=sys.stderr)
    return trace


def _unzipped(file: io.BufferedReader) -> io.BufferedReader | gzip.GzipFile:
    if file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
        return gzip.GzipFile(fileobj=file)
    return file


def _read(text: io.BufferedReader | gzip.GzipFile, parser: TraceParser) -> bytes:
    try:
        return text.read1(_PART)  # what there is before it breaks off comes first
    except EOFError:
        reason = "the gzip data is cut off"
    except (zlib.error, gzip.BadGzipFile) as error:
        reason = f"the gzip data is damaged ({error})"
    raise TraceError(parser.source, parser.lines + 1, reason)
