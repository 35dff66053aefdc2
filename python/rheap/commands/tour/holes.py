"""Fragmentation: enough bytes, no place."""

import rheap

from .stage import Ask, Story

NEXT = "rheap view --random 100 --svg holes.svg"
SAME = (
    "--ops '+56,+56,+56,+56,+56,+56,+56,+56,-0,-2,-4,-6,+100,-1,+100' "
    "--coalesce deferred --capacity 512"
)


def chapter() -> Story:
    """The sum of the holes is not a hole"""
    yield (
        "Eight blocks fill this heap to the last byte. Then every other one is freed, which is how "
        "long-running programs leave their heaps:"
    )
    heap = rheap.Heap(512, auto_compact=False)
    blocks = [heap.alloc(56) for _ in range(8)]
    for block in blocks[::2]:
        block.free()
    print(heap.map())
    free = heap.stats().free_bytes
    yield Ask(
        f"{free} bytes are free, and 100 are asked for. Where will the next block go?",
        heap.map(),
        100,
        lambda: None,
    )
    try:
        heap.alloc(100)
    except rheap.HeapExhausted as error:
        print(f"HeapExhausted: {error}")
    print(heap.map(length=24))
    yield (
        "Nowhere: a block is one stretch of memory. Before it refused, the heap merged all it "
        "could, but no two freed blocks were neighbours: it made four holes of four blocks. They "
        "are linked in a list; the bytes are the links of the first. The error says what would "
        "help: free a block beside a hole."
    )
    yield "So the second block is freed:"
    blocks[1].free()
    print(heap.map())
    yield Ask(
        "Two holes and the block between them became one hole. 100 bytes are asked for again. "
        "Where will the next block go?",
        heap.map(),
        100,
        lambda: block.offset,
    )
    block = heap.alloc(100)
    print(block)
    print(heap.map())
    yield (
        "At the front of the hole that was made of three. Fragmentation, the last of the figures, "
        "is the part of the bytes in holes that the largest hole does not have: it fell when they "
        "became one, and rose when that one was cut."
    )
