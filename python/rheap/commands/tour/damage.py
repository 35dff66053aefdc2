"""What an overrun does to the region, and how it is caught."""

import rheap

from .stage import Story

NEXT = """\
import rheap; heap = rheap.Heap(512, debug=True); block = heap.alloc(10)
print(heap.map(block.offset, 24))
print(heap.leaks())"""


def chapter() -> Story:
    """A damaged header is caught"""
    yield (
        "C code that is given an address can write past the end of its block. What stands there is "
        "the word of the next block: 40 bits of size and state, and 24 bits of check code over "
        "these, the block's place and a secret of the heap. Here is a healthy one:"
    )
    import ctypes

    heap = rheap.Heap(512)
    first, second = heap.alloc(40), heap.alloc(40)
    first[:9] = b"keep this"
    print(heap.map(second.offset, 8))
    yield "Now the accident: 8 bytes are written behind the end of the first block."
    ctypes.memset(first.address + first.size, ord("A"), 8)
    smashed = ctypes.string_at(second.address - 8, 8)
    print(f"+0x{second.offset - 8:x}  {smashed.hex(' ')}")
    word = int.from_bytes(smashed, "little")
    print(f"{word % 2**40 >> 3:,} x 8 bytes, check {word >> 40:06x}")
    yield (
        "An allocator that believed this word would soon hand out memory that is somebody else's. "
        "This one asks whether the check code fits before it believes anything:"
    )
    try:
        second.free()
    except rheap.HeapCorruption as error:
        print(f"HeapCorruption: {error}")
    yield (
        "The memory was not given back. Nobody can say what else was hit, so this heap refuses "
        "further work; blocks that are open stay readable, so that their contents can be saved:"
    )
    try:
        heap.alloc(8)
    except rheap.HeapCorruption as error:
        print(f"HeapCorruption again, seen at +0x{error.offset:x}")
    print(first[:9])
    yield (
        "Other heaps know nothing of it: each has its own region, and its own secret. To find who "
        "did it, debug=True puts a fence behind each payload, which is looked at when the block is "
        "freed, and remembers the line that allocated it:"
    )
