"""A block from the inside: its word, its links, its footer."""

from .stage import Ask, Chapter


def a_block_and_its_word() -> Chapter:
    """A block and its word"""
    yield (
        "A block is 8 bytes for the heap, its word, and behind them the payload for you. Seen from "
        "close by, each line is 8 bytes:"
    )
    import rheap

    heap = rheap.Heap(512)
    block = heap.alloc(40)
    block[:5] = b"hello"
    print(heap.map(block.offset, block.capacity))
    yield (
        "The word says how long the payload is (in units of 8 bytes), in which state the block is, "
        "and whether the block before it is free. The check code covers all that, the place, and a "
        "secret of this heap: a stray write does not look like a word. What says where the next "
        "word is? Nothing but the length in this one."
    )
    yield Ask(
        "20 bytes are asked for now. At which offset will their payload begin?",
        lambda: f"+0x{second.offset:x}",
    )
    second = heap.alloc(20)
    wall = heap.alloc(8)
    print(heap.map(block.offset, 120))
    yield (
        "Right behind: 40 bytes of payload, then a word. 20 bytes take 24, since sizes are padded "
        "to 8. Now the first block is freed, and defrag takes it for what it is, a hole:"
    )
    block.free()
    heap.defrag()
    print(heap.map(length=72))
    yield (
        "A free block keeps the heap's own notes where the payload was: at its end a footer, so "
        "that the block behind it finds its start (bit 0 in that block's word says that there is "
        "one), and links to other free blocks of its size, where there are any. So bookkeeping "
        "costs free memory and not yours; what it needs sets the smallest block: 24 bytes."
    )
    yield Ask(
        "The hole has 48 bytes, its word included. 8 bytes are asked for: where do they go?",
        lambda: f"+0x{third.offset:x}",
    )
    third = heap.alloc(8)
    print(heap.map())
    print(heap.map(length=72))
    yield (
        "To the front of the hole; what is left is a block of its own, because it is large enough "
        "to be one. That is splitting. It took two stores of words, the inner one first, so that "
        f"the blocks tile the region at every moment. Live now: {heap.stats().live_blocks} blocks "
        f"({second.size}, {wall.size} and {third.size} bytes)."
    )
