"""The four functions, and what merging does to the bytes."""

import rheap

from .stage import Ask, Story

NEXT = "rheap view --random 300 --coalesce deferred --coalesce immediate --svg merging.svg"
SAME = "--ops '+100,+100,+100,+100,-0,-1,-2,+300' --coalesce deferred --capacity 512"


def chapter() -> Story:
    """Three blocks become one"""
    yield (
        "Four functions are enough for a heap. init_heap makes the default heap of the process, "
        "r_alloc takes blocks from it, r_free gives them back, r_defrag merges. Four blocks are "
        "taken, three neighbours go back:"
    )
    heap = rheap.init_heap(512)
    one, two, three, last = (rheap.r_alloc(100) for _ in range(4))
    for block in (one, two, three):
        rheap.r_free(block)
    print(heap.map())
    before = heap.stats()
    yield (
        "They are free, and still three, each waiting for a request of its size: the largest "
        f"request that fits now is one of {before.largest_now} bytes. The figures say in brackets "
        "what it would be merged. r_defrag merges all neighbours that are free, and says how often "
        "it did:"
    )
    print("merges:", rheap.r_defrag())
    print(heap.map(length=344))
    after = heap.stats()
    yield (
        f"Two merges, and the three are one: their payloads, of {last.capacity} bytes each, and "
        f"the two words between them make a hole of {after.largest_now} bytes. So fragmentation "
        f"fell from {before.fragmentation:.1%} to {after.fragmentation:.1%}. Nothing was moved or "
        "cleared: the first word has a larger size now, links and a footer are written, "
        "and bit 0 is set in the word behind. The two words between are words no more but bytes of "
        "the hole; whoever walks the region steps over them."
    )
    yield Ask(
        "300 bytes are asked for. Where will the next block go?",
        heap.map(),
        300,
        lambda: wide.offset,
    )
    wide = rheap.r_alloc(300)
    print(heap.map())
    yield (
        "To the front of the hole. (It would have been served without r_defrag too: a heap merges "
        "by itself, a little at a time, and everything before it refuses. r_defrag does it at a "
        "moment that you choose.)"
    )
