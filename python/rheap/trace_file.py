"""The file of a trace that is being written: plain, or compressed by a process of its own.

A process of its own, because a recorded program may crash and the compressed file must be whole
all the same; and because who compresses allocates.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

PIPE_BYTES = 1 << 20
_COMPRESSOR = Path(__file__).with_name("compressor.py")


class TraceFile:
    """Opens (and empties) `path`; raises `OSError` when the system refuses that.

    `descriptor`: what to write the trace to. It belongs to the recorder, which closes it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._status: _Pipe | None = None  # where the compressor tells how it went
        trace = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        if not self.path.endswith(".gz"):
            self.descriptor = trace
            return
        try:
            self.descriptor, status = _start_compressor(trace)
            self._status = _Pipe(status)
        finally:
            os.close(trace)

    def finish(self, error: int) -> OSError | None:
        """Waits until the file is whole; returns why it is not. `error`: the recorder's errno.

        Comes after the recorder has closed the descriptor.
        """
        if self._status is not None:
            said = self._status.read()  # ends with the compressor
            if said != "0":
                error = int(said) if said.isdigit() else error or errno.EPIPE
        return OSError(error, os.strerror(error), self.path) if error else None


class _Pipe:
    """A pipe's end to read from, unless the program has closed it and has its number anew."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._identity = os.fstat(descriptor)[:3]

    def read(self) -> str:
        """All that comes until nobody writes any more; nothing when the pipe is gone."""
        try:
            if os.fstat(self._descriptor)[:3] != self._identity:
                return ""
        except OSError:
            return ""
        with open(self._descriptor, encoding="ascii") as pipe:
            return pipe.read()


def _start_compressor(trace: int) -> tuple[int, int]:
    """Returns a pipe's end to write to, and one from which to read an errno in the end."""
    lines_out, lines_in = os.pipe()
    with contextlib.suppress(AttributeError, OSError):  # a program allocates by fits and starts
        fcntl.fcntl(lines_in, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    status_out, status_in = os.pipe()
    try:
        subprocess.run(
            [sys.executable, "-I", "-S", _COMPRESSOR],
            stdin=lines_out,
            stdout=trace,
            stderr=status_in,
            start_new_session=True,  # Ctrl-C is for the program
            check=True,
        )
    except BaseException:
        os.close(lines_in)
        os.close(status_out)
        raise
    finally:
        os.close(lines_out)
        os.close(status_in)
    return lines_in, status_out
