"""Who may still look: pinned blocks, and memory that outlives its `with`."""

import rheap

from .stage import Story


def nothing_dangles() -> Story:
    """Memory that somebody sees is never given away"""
    yield "A memoryview of a block is alive. Freeing the block would leave the view dangling, so:"
    heap = rheap.Heap(512)
    block = heap.alloc(100)
    block[:5] = b"hello"
    view = block.view()
    try:
        block.free()
    except rheap.BlockPinned as error:
        print(f"BlockPinned: {error}")
    print(block)
    yield "Nothing was freed, and the block works as before. Without the view it can go:"
    view.release()
    block.free()
    print(block)
    yield (
        "Leaving a `with` never fails. It closes the block: no new views of it. A view that is "
        "still alive stays valid, and until it goes the memory lingers:"
    )
    with heap.alloc(100) as block:
        block[:5] = b"hello"
        view = block.view()[:5]
    print(f"closed: {block.freed}, and the view still reads {bytes(view)!r}")
    print("lingering blocks:", heap.stats().lingering_blocks)
    print(heap.map())
    yield "The memory returns with the last view, here because the name goes away:"
    del view
    print("lingering blocks:", heap.stats().lingering_blocks)
    print(heap.map())
    yield "And what was closed cannot be read by mistake:"
    try:
        block[:5]
    except rheap.BlockFreed as error:
        print(f"BlockFreed: {error}")
