"""A hole from the inside, and how a request takes the front of it."""

import rheap

from .stage import Ask, Story

NEXT = 'rheap replay --ops "+100,+16,-0,+20,+20,+20" --coalesce immediate --ask'
SAME = "--ops '+72,+16,-0,+24,+32' --coalesce immediate --capacity 512"


def chapter() -> Story:
    """A hole is split"""
    yield (
        'This heap makes a hole of a block as soon as it is freed (coalesce="immediate"; what '
        "heaps do otherwise comes in the next chapter). Signs: . is a hole, ~ the wilderness, the "
        "end of the region, which no block has."
    )
    heap = rheap.Heap(512, coalesce="immediate")
    blocks = [heap.alloc(72), heap.alloc(16)]
    blocks[0].free()
    print(heap.map())
    print(heap.map(length=88))
    yield (
        "A free block keeps the heap's own notes where the payload was: links to other holes of "
        "its kind, where there are any, and at its end a footer, by which the block behind finds "
        "the start of this one. Bit 0 in that block's word says that there is a footer. So "
        "all bookkeeping but the word costs free memory, not yours."
    )
    yield Ask(
        "24 bytes are asked for; there are the hole and the wilderness. Where will the next block "
        "go?",
        heap.map(),
        24,
        lambda: small.offset,
    )
    small = heap.alloc(24)
    print(heap.map(small.offset, 32))
    yield (
        "To the front of the hole, and what is left is a smaller hole with a word of its own. That "
        "word in the middle was written first, while nothing led to it yet; then one store made "
        "the word in front shorter. So the blocks tile the region at every moment, whenever the "
        "process may die. Nothing was cleared: old notes of the heap are now bytes of your payload."
    )
    yield Ask(
        f"The hole has {heap.stats().free_bytes} bytes, and 32 are asked for. Where will the next "
        "block go?",
        heap.map(),
        32,
        lambda: large.offset,
    )
    large = heap.alloc(32)
    print(large, "reserved:", large.capacity)
    yield (
        "Into the hole, which is not split this time: what would be left could not hold a word and "
        "two links. The smallest block takes 24 bytes, so the rest stays with its neighbour, as "
        f"{large.capacity - large.size} bytes more than were asked for."
    )
