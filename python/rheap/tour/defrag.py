"""The four functions, and what deferred merging means."""

from .stage import Story


def three_become_one() -> Story:
    """Three blocks become one"""
    yield (
        "A heap is one region of memory, tiled by blocks. This one has 512 bytes, so that the map "
        "can show each word of 8. init_heap makes it the default heap of the process; r_alloc "
        "takes blocks from that."
    )
    import rheap

    heap = rheap.init_heap(512)
    one, two, three, last = (rheap.r_alloc(100) for _ in range(4))
    print(heap.map())
    yield (
        f"Each # is 8 bytes that are somebody's. Each | is the 8-byte word that the heap keeps in "
        f"front of a block: its size, its state and a check code. {one.size} bytes were asked for "
        f"and {one.capacity} reserved, because sizes are padded to 8. Now three neighbours go:"
    )
    for block in (one, two, three):
        rheap.r_free(block)
    print(heap.map())
    yield (
        "They are free, and still three: a program that frees 100 bytes tends to ask for 100 "
        "again, so r_free leaves each block whole, ready to be given out in a few instructions. "
        "r_defrag merges all neighbours that are free, and says how often it did:"
    )
    print("merges:", rheap.r_defrag())
    print(heap.map())
    yield (
        f"Two merges, and the three are one: their payloads and the two words between them make a "
        f"hole of {heap.stats().largest_free} bytes. Nothing was moved. A block fits there now for "
        f"which there was no place before:"
    )
    wide = rheap.r_alloc(300)
    print(heap.map())
    yield (
        "(The heap merges by itself too, a little at a time, and everything before it would refuse "
        "a request. So r_defrag is never needed to get memory.) Now the rest goes:"
    )
    rheap.r_free(wide)
    rheap.r_free(last)
    print("merges:", rheap.r_defrag())
    print(heap.map())
    yield (
        "Three merges: the two that were freed, the remainder between them, and the wilderness, "
        "which is the end of the region that no block has. The heap is as it was at the start."
    )
