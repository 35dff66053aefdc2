"""Arrays whose memory is the heap's; without NumPy, memoryviews that do the same."""

import importlib

import rheap

from .stage import Story


def with_numpy() -> Story:
    """NumPy arrays in the heap"""
    yield (
        "heap.array makes an array in a block of its own, aligned to 64 bytes. np.frombuffer sees "
        "a block that is there already:"
    )
    import numpy as np

    heap = rheap.Heap("1 GiB")
    image = heap.array((480, 640, 3), "u1")
    image[:] = np.arange(640, dtype="u1")[:, np.newaxis]
    print(f"image: {image.nbytes:,} bytes, {image.ctypes.data % 64 = }")
    block = heap.alloc(8 * 50_000)
    wave = np.frombuffer(block, "f8")
    wave[:] = np.sin(np.linspace(0, 100, len(wave)))
    print(f"wave: {wave.nbytes:,} bytes up to {wave.max():.2f}")
    print(heap.map())
    yield (
        "P, pinned: somebody sees the block, so the heap neither frees nor moves it. The arrays "
        "keep it alive, whatever becomes of the name `block`. When the last array goes, the "
        "memory comes back at once:"
    )
    stats = heap.stats()
    print(f"pinned {stats.pinned_bytes:,} bytes, live {stats.live_bytes:,}")
    del image, wave, block
    stats = heap.stats()
    print(f"pinned {stats.pinned_bytes:,} bytes, live {stats.live_bytes:,}")


def without_numpy() -> Story:
    """Numbers in the heap"""
    yield (
        "NumPy is not installed here. With it, heap.array((480, 640, 3), 'u1') makes an array in a "
        "block, np.frombuffer(block, 'f4') sees a block as floats, and either one pins the block "
        "while it lives: pip install 'rheap[numpy]'. Python's own memoryview can do the same on a "
        "smaller scale:"
    )
    heap = rheap.Heap(1024)
    block = heap.alloc(8 * 100)
    squares = block.view("Q", shape=[10, 10])
    for number in range(100):
        squares[divmod(number, 10)] = number * number
    print(f"squares: {squares.nbytes} bytes, the last is {squares[9, 9]:,}")
    print(heap.map())
    yield (
        "P, pinned: somebody sees the block, so the heap neither frees nor moves it. The view "
        "keeps it alive, whatever becomes of the name `block`. When the last view goes, the "
        "memory comes back at once:"
    )
    stats = heap.stats()
    print(f"pinned {stats.pinned_bytes:,} bytes, live {stats.live_bytes:,}")
    del squares, block
    stats = heap.stats()
    print(f"pinned {stats.pinned_bytes:,} bytes, live {stats.live_bytes:,}")


try:
    importlib.import_module("numpy")
except ImportError:
    chapter = without_numpy
    NEXT = """\
import rheap; heap = rheap.Heap(512); block = heap.alloc(80)
board = block.view("H", shape=[5, 8]); board[2, 3] = 0xABCD
print(board.tolist(), heap.map(block.offset, 80), sep="\\n")"""
else:
    chapter = with_numpy
    NEXT = """\
import rheap; heap = rheap.Heap("64 MiB")
whole = heap.array((1000, 1000), zero=True); corner = whole[:2, :2]; del whole
print(corner, heap.map(), sep="\\n")"""
