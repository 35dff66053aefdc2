"""What a heap says of itself."""

import rheap

from .stage import Story

NEXT = """\
import rheap; heap = rheap.Heap("64 GiB"); block = heap.alloc("16 MiB"); block[-1] = 1
print(heap.stats())
block.free(); print(heap.trim(), "bytes returned to the system")"""


def chapter() -> Story:
    """The figures"""
    yield (
        "A thousand blocks of all sizes are taken and filled, and all but every fifth is given "
        "back. check() then walks the whole region, and raises if any invariant does not hold:"
    )
    import random

    heap = rheap.Heap("64 MiB")
    sizes = random.Random(1)
    blocks = [heap.alloc(sizes.randint(1, 20_000)) for _ in range(1000)]
    for block in blocks:
        block[:] = bytes(block.size)
    del block
    blocks = blocks[::5]
    heap.check()
    print(heap.stats())
    stats = heap.stats()
    yield (
        "peak_bytes is the most payload that was live at a time; a cap must allow for that, for "
        "the words, and for what fragmentation costs. largest_now is the largest request that fits "
        "as the heap is, largest_merged the largest once all neighbours are merged: a larger one "
        "is refused. Fragmentation is the part of the bytes in holes that the largest hole does "
        f"not have; the wilderness is a hole, too. {stats.deferred_blocks} of the free blocks are "
        "deferred, the others the heap has merged by itself. resident_bytes are in memory: all "
        "that was touched, and they stay with the process, warm for the next request, until trim() "
        "gives back the pages inside free blocks:"
    )
    print(f"defrag: {heap.defrag()} merges")
    print(f"largest now: {heap.stats().largest_now:,} bytes")
    print(f"trim: {heap.trim():,} bytes returned to the system")
    print(f"resident: {heap.stats().resident_bytes:,} bytes")
