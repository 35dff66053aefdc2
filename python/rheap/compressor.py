"""Run as a program: gzips stdin to stdout, then says 0, or the errno that stopped it, on stderr.

Goes into the background first: a program that is recorded may wait for all of its children, and
this one ends only when the program does.
"""

import contextlib
import os
import zlib

LEVEL = 1  # keeps up with a program that does nothing but allocate
GZIP = 16 + zlib.MAX_WBITS


def compress() -> None:
    """Until the end of the input."""
    packer = zlib.compressobj(LEVEL, wbits=GZIP)
    while lines := os.read(0, 1 << 16):
        write(packer.compress(lines))
    write(packer.flush())
    os.close(1)


def write(data: bytes) -> None:
    """All of it."""
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    """What this file does."""
    if os.fork() != 0:
        os._exit(0)
    try:
        compress()
        status = 0
    except OSError as error:
        status = error.errno or 1
    with contextlib.suppress(OSError):  # nobody may be there to hear
        os.write(2, str(status).encode())


if __name__ == "__main__":
    main()
