"""Fragmentation: enough bytes, no place."""

import rheap

from .stage import Story


def no_hole_large_enough() -> Story:
    """Enough is free, and yet nothing fits"""
    yield (
        "Eight blocks fill this heap to the last byte. Then every other one is freed, which is how "
        "long-running programs leave their heaps:"
    )
    heap = rheap.Heap(512)
    blocks = [heap.alloc(56) for _ in range(8)]
    for block in blocks[::2]:
        block.free()
    print(heap.map())
    yield "Half of the heap is free. But a block is one stretch of memory, so:"
    try:
        heap.alloc(100)
    except rheap.HeapExhausted as error:
        print(f"HeapExhausted: {error}")
    print(heap.map())
    yield (
        "Before it refused, the heap merged all it could (. is free and merged); no two holes were "
        "neighbours. The error says what would help. So free the block between two holes:"
    )
    blocks[1].free()
    block = heap.alloc(100)
    print(block)
    print(heap.map())
    yield (
        "Two holes and the block between them became one hole, and the block of 100 lies in it. "
        "Fragmentation, the last of the figures, is the part of the free bytes that the largest "
        "hole does not have; it fell."
    )
