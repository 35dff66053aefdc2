"""Compaction: the sum of the holes becomes a hole."""

import rheap

from .stage import Story

SAME = (
    "--ops '+56,+56,+56,+56,+56,+56,+56,+56,-0,-2,-4,-6,+100,c' --coalesce deferred --capacity 512"
)
NEXT = """\
import rheap; heap = rheap.Heap("1 MiB"); blocks = [heap.alloc(1000) for _ in range(900)]
del blocks[::2]; view = blocks[200].view(); print(heap.compact())
print(heap.map()); view.release(); print(heap.compact())"""


def chapter() -> Story:
    """The sum of the holes becomes a hole"""
    yield (
        "A block that nobody looks at can be moved. The heap in the chapter about holes was made "
        "with auto_compact=False. Here it is again, without that:"
    )
    heap = rheap.Heap(512)
    blocks = [heap.alloc(56) for _ in range(8)]
    for number, block in enumerate(blocks):
        block[0] = number
    for block in blocks[::2]:
        block.free()
    kept = blocks[1::2]
    print(heap.map())
    yield "100 bytes are asked for, which no hole has:"
    before = [block.offset for block in kept]
    large = heap.alloc(100)
    print(heap.map())
    print("offsets before:", before)
    print("offsets now:   ", [block.offset for block in kept])
    print("their contents:", [block[0] for block in kept])
    yield (
        "Before it refuses, a heap looks for the stretch that costs least to empty: here one block "
        "between two holes. That block went to another hole, and the two became one. Its handle "
        "noticed nothing but another offset. compact() does it for the whole heap: it slides all "
        "blocks down, in the order of their addresses."
    )
    large.free()
    view = kept[2].view()
    print(heap.compact())
    print(heap.map())
    yield (
        "All but one: a view pins the third block, P, so it stays, and is a wall: what lies before "
        "it cannot become one with what lies behind it. When the view goes, it moves as well:"
    )
    view.release()
    heap.compact()
    print(heap.map())
    yield (
        "A pass can be bounded, in bytes or in seconds, and the next one goes on from there; "
        "compact_when() has a heap do a little with each operation. trim() then gives the pages "
        "behind the blocks back to the system. In the player below c stands for compact(): there "
        "nobody looks at a block, and no heap moves one by itself."
    )
