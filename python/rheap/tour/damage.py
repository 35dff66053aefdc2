"""What an overrun does to the region, and how it is caught."""

import rheap

from .stage import Story


def caught() -> Story:
    """An overrun is caught"""
    yield (
        "C code that is given an address can write past the end of its block. What stands there is "
        "the word of the next block: 40 bits of size and state, and 24 bits of check code over "
        "these, the block's place and a secret of the heap. ctypes can read it:"
    )

    import ctypes

    def show_word(address: int) -> None:
        word = ctypes.c_uint64.from_address(address - 8).value
        size = (word & 0xFF_FFFF_FFF8) + 8
        state = ["live", "deferred", "free", "none"][word >> 1 & 3]
        print(f"word        0x{word:016x}")
        print(f"size        {size:,} bytes, the word included")
        print(f"state       {state}")
        print(f"after free  {bool(word & 1)}")
        print(f"check code  {word >> 40:06x}")

    heap = rheap.Heap(512)
    first, second = heap.alloc(104), heap.alloc(104)
    first[:9] = b"keep this"
    print(heap.map())
    show_word(second.address)
    yield "Now the accident: 8 bytes are written behind the end of the first block."
    ctypes.memset(first.address + first.size, ord("A"), 8)
    show_word(second.address)
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
    yield "Other heaps know nothing of it: each has its own region, and its own secret."
