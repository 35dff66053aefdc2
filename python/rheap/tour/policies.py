"""Placement: which of the holes a request takes."""

from .stage import Ask, Chapter


def one_request_three_holes() -> Chapter:
    """Placement policies on the same requests"""
    yield (
        "Three heaps, each full but for holes of 80, 240 and 160 bytes (as in Arpaci-Dusseau, "
        "Operating Systems: Three Easy Pieces, chapter 17). They differ in their policy alone:"
    )
    import rheap

    heaps = {}
    for policy in ("first", "best", "worst"):
        heap = rheap.Heap(552, policy=policy, coalesce="immediate")
        blocks = [heap.alloc(size) for size in (72, 16, 232, 16, 152, 16)]
        for block in blocks[::2]:
            block.free()
        heaps[policy] = heap, blocks[1::2]
    print(heap.map())
    yield Ask(
        "112 bytes are asked for. At which offset does best fit put them?",
        lambda: f"+0x{places['best'].offset:x}",
    )
    places = {}
    for policy, (heap, _walls) in heaps.items():
        places[policy] = heap.alloc(112)
        print(f"{policy} fit: +0x{places[policy].offset:x}")
        print(heap.map())
    yield (
        "First fit takes the lowest hole that is large enough, best fit the smallest, worst fit "
        "the largest. Best fit leaves slivers, worst fit breaks up the large holes; which is "
        "better depends on what comes next, so ask real programs. What this heap does by default, "
        "two-level segregated fit, is nearly best fit, and takes the same few steps however many "
        "holes there are."
    )
