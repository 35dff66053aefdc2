"""Placement policies: where a block goes, as the textbooks say."""

import pytest

import rheap

TEXTBOOKS = ["first", "next", "best", "worst"]
WORD = 8
WALL = 24


def heap_with_holes(policy, coalesce, sizes):
    """A heap that is full but for holes of these bytes, and the offsets where they start."""
    heap = rheap.Heap(
        sum(sizes) + WALL * len(sizes), policy=policy, coalesce=coalesce, auto_compact=False
    )
    holes, walls = [], []
    for size in sizes:
        holes.append(heap.alloc(size - WORD))
        walls.append(heap.alloc(WALL - WORD))
    offsets = [block.offset for block in holes]
    for block in holes:
        block.free()
    heap.defrag()
    return heap, offsets, walls


# Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", chapter 17, in units of 8 bytes: holes of
# 10, 30 and 20, a request of 15.
@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
@pytest.mark.parametrize(
    ("policy", "hole"), [("first", 1), ("next", 1), ("best", 2), ("worst", 1), ("segregated", 2)]
)
def test_each_policy_takes_its_hole(policy, hole, coalesce):
    heap, offsets, _walls = heap_with_holes(policy, coalesce, [80, 240, 160])
    block = heap.alloc(120 - WORD)
    assert block.offset == offsets[hole]
    heap.check()


@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
@pytest.mark.parametrize("policy", TEXTBOOKS)
def test_a_request_is_refused_only_when_no_hole_fits(policy, coalesce):
    heap, offsets, _walls = heap_with_holes(policy, coalesce, [80, 240, 160])
    with pytest.raises(rheap.HeapExhausted) as caught:
        heap.alloc(240)
    assert caught.value.largest == 232
    assert heap.alloc(232).offset == offsets[1]
    assert heap.alloc(200, align=8).offset == offsets[1]  # freed at once, and there again
    heap.check()


@pytest.mark.parametrize("policy", TEXTBOOKS)
def test_what_was_freed_last_is_reused_first_while_merging_is_deferred(policy):
    heap = rheap.Heap("1 MiB", policy=policy)
    blocks = [heap.alloc(100) for _ in range(5)]
    offset = blocks[3].offset
    blocks[1].free()
    blocks[3].free()
    assert heap.alloc(100).offset == offset


def test_the_default_is_segregated():
    heap, offsets, _walls = heap_with_holes("segregated", "immediate", [240, 80, 160])
    default = rheap.Heap("1 MiB", coalesce="immediate")
    one, _wall = default.alloc(100), default.alloc(8)
    offset = one.offset
    one.free()
    assert default.alloc(100).offset == offset
    assert heap.alloc(80 - WORD).offset == offsets[1]


@pytest.mark.parametrize("policy", ["fastest", "chosen", "", None, 1, b"first"])
def test_an_unknown_policy_is_refused(policy):
    with pytest.raises(ValueError, match="policy must be one of 'segregated', 'first', 'next'"):
        rheap.Heap("1 MiB", policy=policy)
