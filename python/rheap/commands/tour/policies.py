"""Placement: which of the holes a request takes."""

import rheap

from .stage import Ask, Story

NEXT = (
    'rheap replay --ops "+152,+16,+136,+16,-0,-2,+104,+120,+32" --capacity 352 '
    "--coalesce immediate --policy first --policy best"
)
SAME = (
    "--ops '+120,+16,+88,+16,+184,+16,-0,-2,-4,+80,+152,+112' "
    "--policy first --policy best --policy worst --coalesce immediate --capacity 488"
)


def chapter() -> Story:
    """Placement policies on the same requests"""
    yield (
        "Three heaps, each full but for holes of 120, 88 and 184 bytes. They differ in their "
        "policy alone. First fit takes the first hole that is large enough, best fit the smallest "
        "such hole, worst fit the largest:"
    )
    heaps = {
        policy: rheap.Heap(
            488,
            policy=policy,
            coalesce="immediate",
            auto_compact=False,
        )
        for policy in ("first", "best", "worst")
    }
    kept = []
    for heap in heaps.values():
        blocks = [heap.alloc(size) for size in (120, 16, 88, 16, 184, 16)]
        kept += blocks[1::2]
        del blocks[::2]
    print(heap.map())
    yield Ask(
        "80 bytes are asked for, of each heap. Where will the next block go under best fit?",
        heaps["best"].map(),
        80,
        lambda: places["best"],
        policy="best",
    )
    places: dict[str, int | None] = {}

    def ask(size: int) -> None:
        for policy, heap in heaps.items():
            try:
                kept.append(heap.alloc(size))
                places[policy] = kept[-1].offset
                print(f"{policy} fit: +0x{kept[-1].offset:x}")
            except rheap.HeapExhausted:
                places[policy] = None
                print(f"{policy} fit: refused")

    ask(80)
    yield Ask(
        "Three policies, three places. Now 152 bytes are asked for. Where will the next block go "
        "under worst fit?",
        heaps["worst"].map(),
        152,
        lambda: places["worst"],
        policy="worst",
    )
    ask(152)
    yield Ask(
        "Worst fit has broken up the only hole that was large enough. Now 112 bytes are asked for. "
        "Where will the next block go under first fit?",
        heaps["first"].map(),
        112,
        lambda: places["first"],
        policy="first",
    )
    ask(112)
    print(heaps["first"].map())
    yield (
        "The map is that of first fit: it had cut the first request out of a hole that the last "
        "one needed. Best fit served all three. But which policy is better depends on what comes "
        "next. The command below plays an example of Knuth's (The Art of Computer Programming 1, "
        "2.5) in small, where first fit serves what best fit must refuse. So ask real programs, as "
        "the last chapter does. What a heap does by default, two-level segregated fit, is nearly "
        "best fit, and finds its hole in the same few steps however many there are. (Merging comes "
        "on top, a bounded part of it where the heap would have to grow otherwise.)"
    )
