"""What `free` leaves behind: whole blocks, in lists that live in the blocks themselves."""

import rheap

from .stage import Ask, Story

NEXT = 'rheap replay --ops "+40,+24,+40,+24,-0,-1,-2,+24,+40,+40" --coalesce deferred --ask'
SAME = "--ops '+24,+16,+24,+16,-0,-2,+24,+24' --coalesce deferred --capacity 512"


def chapter() -> Story:
    """A freed block stays whole, for a while"""
    yield (
        "A program that frees 24 bytes tends to ask for 24 again soon. So a heap does not make a "
        "hole of a freed block at once. Two blocks go, each beside one that stays:"
    )
    heap = rheap.Heap(512)
    blocks = [heap.alloc(size) for size in (24, 16, 24, 16)]
    one, two = blocks[::2]
    one[:5], two[:5] = b"first", b"later"
    one.free()
    two.free()
    print(heap.map(length=72))
    yield (
        "Deferred is a freed block that is not merged with anything (in the map its sign is -): "
        "whole, and in a list of blocks of its very size. The list needs no memory, for its link "
        "stands where the payload was, over `later`. It names the word of the block that was freed "
        "before. Where that one had `first` there is a zero now: the list ends."
    )
    yield Ask(
        "24 bytes are asked for; either block would do. Where will the next block go?",
        heap.map(),
        24,
        lambda: three.offset,
    )
    three = heap.alloc(24)
    print(three)
    yield (
        "To the block that was freed last, the head of the list, whose bytes are most likely still "
        "in the processor's cache. Nothing was searched, split or merged."
    )
    yield Ask("24 bytes again. Where will the next block go?", heap.map(), 24, lambda: four.offset)
    four = heap.alloc(24)
    print(four)
    print("in the one before:", three[:8].hex(" "))
    yield (
        "To the one that was left. And in the block that came first the link still stands, because "
        "memory is given out as it is: heap.alloc(24, zero=True) clears it."
    )
