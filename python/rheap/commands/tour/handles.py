"""Who may still look: pinned blocks, memory that outlives its `with`, and what may be moved."""

import rheap

from .stage import Story

NEXT = """\
import rheap; heap = rheap.Heap(512); block = heap.alloc(40); wall = heap.alloc(40)
view = block.view(); print(heap.map()); view.release()
block.resize(100); print(heap.map())"""


def chapter() -> Story:
    """Handles, pins, and what may be moved"""
    yield (
        "A Block is a handle: you read and write through it, and it knows where its memory is. A "
        "memoryview looks at that memory itself, and pins the block: freed now, it would leave the "
        "view dangling, so:"
    )
    heap = rheap.Heap(512)
    block = heap.alloc(40)
    block[:5] = b"hello"
    view = block.view()
    try:
        block.free()
    except rheap.BlockPinned as error:
        print(f"BlockPinned: {error}")
    yield (
        "Nothing was freed, and the block works as before. Leaving a `with`, on the other hand, "
        "never fails. It closes the block: no new views, no reads. The view that is still alive "
        "stays valid, and until it goes the memory lingers, L:"
    )
    with block:
        pass
    try:
        block[:5]
    except rheap.BlockFreed as error:
        print(f"BlockFreed: {error}")
    print(f"the view still reads {bytes(view[:5])!r}")
    print(heap.map())
    del view
    print("lingering blocks without it:", heap.stats().lingering_blocks)
    yield (
        "The memory returned with the last view. And what may be moved? Here are three blocks. "
        "Nobody looks at the first. The second is pinned by a view, P. The third goes through "
        "sha256, which takes the Block itself and so may have kept its address; whether it did "
        "nobody can tell, so the block counts as exposed, X. All are to grow to 100 bytes:"
    )
    from hashlib import sha256

    heap = rheap.Heap(512)
    first, second, third = (heap.alloc(40) for _ in range(3))
    pool = [third, second, first]
    first[:5] = b"hello"
    print("sha256:", sha256(third).hexdigest()[:16])
    with second.view():
        for block in pool:
            try:
                block.resize(100)
                print(f"resized: {block} reads {block[:5]!r}")
            except rheap.BlockPinned as error:
                print(f"BlockPinned: {error}")
        print(heap.map())
    yield (
        "The third and the second stay, at their size, although there was room behind the third. "
        "The first moved to that room, and its bytes with it, since nobody but its handle knew the "
        "address. The second may move again once its view is gone. The third may once the names of "
        "the function that resizes it are all that refers to it: who keeps the address keeps the "
        "block, in a list like pool, say. Hence the advice in the error: sha256(third.view()) "
        "would have pinned it for the call alone."
    )
