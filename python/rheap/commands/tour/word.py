"""A block from the inside: its word, and what lies behind it."""

from .stage import Ask, Story

NEXT = """\
import rheap; heap = rheap.Heap(512); mine = heap.alloc(24)
mine[:17] = b"bytes of your own"
print(heap.map(mine.offset, 24))"""
SAME = "--ops '+24,+20' --coalesce deferred --capacity 512"


def chapter() -> Story:
    """A block and its word"""
    yield (
        "A heap is one region of memory, tiled by blocks. This one has 512 bytes, so that a sign "
        "of the map is 8 bytes: # is somebody's, and | is the word that the heap keeps in front "
        "of each block."
    )
    import rheap

    heap = rheap.Heap(512)
    block = heap.alloc(24)
    block[:5] = b"hello"
    print(block)
    print(heap.map())
    yield Ask(
        "A block's offset is that of its payload, counted from the start of the region; the word "
        "stands 8 bytes before. (In front of the first word the heap keeps its own header.) Now "
        "20 bytes are asked for. Where will the next block go?",
        heap.map(),
        20,
        lambda: second.offset,
    )
    second = heap.alloc(20)
    print(second, "reserved:", second.capacity)
    print(heap.map(block.offset, 56))
    yield (
        "Right behind: the first payload begins at +0x5000 and has 24 bytes, so the next word "
        "stands at +0x5018. Sizes are padded to 8; a Block shows only the bytes that were asked "
        "for. A word says how long the payload is (in units of 8 bytes), in which state the block "
        "is, and whether the block before it is free. The check code covers all that, the place, "
        "and a secret of this heap, so a stray write does not look like a word. What says where "
        "the next word is? Nothing but the length in this one."
    )
