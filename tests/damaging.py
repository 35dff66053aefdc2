"""Writing to a region behind the back of its heap."""

import ctypes

import pytest

import rheap

WORD = 8


def base_of(block):
    """The address where the block's region begins."""
    with block.view() as view:  # `block.address` would expose it
        return ctypes.addressof(ctypes.c_char.from_buffer(view)) - block.offset


def read_word(base, offset):
    return ctypes.c_uint64.from_address(base + offset).value


def write_word(base, offset, value):
    ctypes.c_uint64.from_address(base + offset).value = value


def write_bytes(address, data):
    """Byte by byte: a sanitizer would take offence at memmove, and the heap is to see this."""
    for place, byte in enumerate(data, address):
        ctypes.c_uint8.from_address(place).value = byte


def damage(block):
    """Overwrites the block's word, as an overrun of its neighbour would."""
    write_word(base_of(block), block.offset - WORD, 0x5555_5555_5555_5555)


class Row:
    """Five neighbours of one size, filled; `base` and `words` to damage them by."""

    def __init__(self, **options):
        self.heap = rheap.Heap(4096, **options)
        self.blocks = [self.heap.alloc(104) for _ in range(5)]
        for number, block in enumerate(self.blocks):
            block[:] = bytes([number + 1]) * 104
        self.words = [block.offset - WORD for block in self.blocks]
        self.base = base_of(self.blocks[4])

    def free(self, *numbers):
        for number in numbers:
            self.blocks[number].free()

    def flip(self, offset, mask=0x0101_0101_0101_0100):
        write_word(self.base, offset, read_word(self.base, offset) ^ mask)

    def assert_unharmed(self, *numbers):
        for number in numbers:
            assert self.blocks[number][:] == bytes([number + 1]) * 104

    def refuses_and_stays_readable(self, unharmed):
        for call in (
            lambda: self.heap.alloc(8),
            lambda: self.heap.alloc(8, align=64),
            self.heap.defrag,
            self.heap.trim,
            self.heap.check,
            self.heap.stats,
            self.heap.blocks,
            self.heap.map,
        ):
            with pytest.raises(rheap.HeapCorruption):
                call()
        self.assert_unharmed(*unharmed)
        for number in unharmed:
            self.blocks[number][0] = 0
            assert memoryview(self.blocks[number])[0] == 0
