"""Arrays whose memory is the heap's; without NumPy, memoryviews that do the same."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import rheap
import rheap._core

from .stage import Story


def chapter() -> Callable[[rheap.Heap], Story]:
    """The chapter for this environment: with NumPy, or without."""
    try:
        importlib.import_module("numpy")
    except ImportError:
        return views_without_numpy
    return arrays


def arrays(heap: rheap.Heap) -> Story:
    """NumPy arrays in the heap"""
    yield (
        "heap.array makes an array in a block of its own, aligned to 64 bytes. np.frombuffer sees "
        "a block that is there already, here one that a file was read into:"
    )
    from os import path

    import numpy as np

    image = heap.array((480, 640, 3), "u1")
    image[:] = np.arange(640, dtype="u1")[:, np.newaxis]
    print(f"image: {image.nbytes:,} bytes, mean {image.mean():.2f}")
    source = rheap._core.__file__
    block = heap.alloc(path.getsize(source))
    with open(source, "rb") as file:
        file.readinto(memoryview(block))
    octets = np.frombuffer(block, "u1")
    share = np.bincount(octets, minlength=256) / len(octets)
    bits = -(share[share > 0] * np.log2(share[share > 0])).sum()
    print(f"octets: {len(octets):,}, each with {bits:.2f} bits of news")
    print(heap.map())
    yield (
        "P, pinned: somebody sees the block, so the heap neither frees nor moves it. The arrays "
        "keep it alive, whatever becomes of the name `block`. When the last array goes, the "
        "memory comes back at once:"
    )
    stats = heap.stats()
    print(f"pinned {stats.pinned_bytes:,} bytes, live {stats.live_bytes:,}")
    del image, octets, block
    stats = heap.stats()
    print(f"pinned {stats.pinned_bytes:,} bytes, live {stats.live_bytes:,}")
    yield "An array of a gigabyte is returned to the heap in the same way, at a known moment."


def views_without_numpy(heap: rheap.Heap) -> Story:
    """Numbers in the heap"""
    yield (
        "NumPy is not installed here. With it, heap.array((480, 640, 3), 'u1') makes an array in a "
        "block, np.frombuffer(block, 'f4') sees a block as floats, and either one pins the block "
        "while it lives: pip install 'rheap[numpy]'. Python's own memoryview can do the same on a "
        "smaller scale:"
    )
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
