"""The file of a trace that is being written: plain text, compressed when the recording has ended.

Not before, since a program that is killed while it is recorded must leave a trace that can be read.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import zlib

_LEVEL = 1  # the program waits
_GZIP = 16 + zlib.MAX_WBITS
_PART = 1 << 20  # bytes


class TraceFile:
    """Opens (and empties) `path`; raises `OSError` when the system refuses that, and while another
    recording writes to it.

    `descriptor`: what to write the trace to. It belongs to the recorder, which closes it.
    `whole_path`: of the file, links followed. `to_compress`: whether it is gzipped in the end.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fsdecode(path)
        self.whole_path = os.path.realpath(self.path)  # the program may go to another folder
        regular = os.path.isfile(self.path) or not os.path.exists(self.path)
        self.to_compress = regular and self.path.endswith(".gz")
        # A recorder maps a regular file. Of a pipe it must not be a reader too.
        mode = os.O_RDWR if regular else os.O_WRONLY
        self.descriptor = os.open(self.path, mode | os.O_CREAT, 0o666)
        if regular:
            try:
                _take_for_us(self.descriptor)
                os.ftruncate(self.descriptor, 0)
            except OSError as error:
                os.close(self.descriptor)
                raise OSError(error.errno, error.strerror, self.path) from None

    def compress(self) -> OSError | None:
        """As `compress`, if its name ends in .gz.

        Comes after the recorder has closed the descriptor.
        """
        return compress(self.path, self.whole_path) if self.to_compress else None


def compress(path: str, whole_path: str) -> OSError | None:
    """Compresses a trace that is whole; returns why it had to stay plain."""
    try:
        _replace_by_compressed(whole_path)
    except OSError as error:
        words = f"the trace is whole, but it could not be compressed: {error.strerror}"
        return OSError(error.errno, words, path)
    return None


def _take_for_us(descriptor: int) -> None:
    """Locks the file until it is closed: to empty one that another program maps would kill that."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(errno.EBUSY, "another recording writes to it") from None
    except OSError:
        pass  # a file system without locks


def _replace_by_compressed(path: str) -> None:
    """Compresses the file. At each moment its name means a whole file, plain or compressed."""
    compressed = f"{path}.{os.getpid()}"
    with open(path, "rb") as plain, open(compressed, "xb", buffering=0) as packed:
        try:
            os.fchmod(packed.fileno(), stat.S_IMODE(os.fstat(plain.fileno()).st_mode))
            packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
            while part := plain.read(_PART):
                _write(packed.fileno(), packer.compress(part))
            _write(packed.fileno(), packer.flush())
            os.replace(compressed, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(compressed)
            raise


def _write(descriptor: int, data: bytes) -> None:
    """All of it."""
    while data:
        data = data[os.write(descriptor, data) :]
