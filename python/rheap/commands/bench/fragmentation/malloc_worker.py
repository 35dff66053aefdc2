"""Makes the requests that malloc.py sends, of malloc, and tells what that keeps in memory.

What it needs itself lies in shared memory, so that what becomes private memory is malloc's.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from io import BufferedReader

AT_ONCE = 1 << 15  # requests of a message, at most
_MOST_BLOCKS = 1 << 24
_WORD = 8  # bytes


def run(source: BufferedReader) -> None:
    """Serves until the other end is closed. A message is a count and so many requests; to the count
    0 it answers with a number of bytes."""
    libc = ctypes.PyDLL(None)
    malloc, free, memset = libc.malloc, libc.free, libc.memset
    malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    free.argtypes, free.restype = [ctypes.c_void_p], None
    memset.argtypes, memset.restype = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t], None
    addresses = memoryview(mmap.mmap(-1, _MOST_BLOCKS * _WORD)).cast("Q")
    message = memoryview(mmap.mmap(-1, (1 + AT_ONCE) * _WORD)).cast("q")
    blocks = 0
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(ctypes.c_size_t(0))  # or the first requests get what Python freed
    start = private_bytes()
    while source.readinto(message[:1].cast("B")):
        count = message[0]
        if count == 0:
            print(private_bytes() - start, flush=True)
            continue
        requests = message[1 : 1 + count]
        if source.readinto(requests.cast("B")) < requests.nbytes:
            return
        for request in requests:
            if request < 0:
                free(addresses[~request])
            else:
                addresses[blocks] = address = malloc(request)
                memset(address, 1, request)
                blocks += 1


def private_bytes() -> int:
    """Bytes of this process that are in memory and in no file."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["RssAnon"].split()[0]) * 1024


def main() -> None:
    """Serves on stdin and stdout."""
    try:
        with open(0, "rb", closefd=False) as requests:
            run(requests)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
