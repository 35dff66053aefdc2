"""The cap: what fits is served, to the byte, and no more; and the figures of it."""

import pytest
from support import MIB

import rheap


@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
@pytest.mark.parametrize("size", [0, 1, 16, 17, 24, 56, 100, 240, 496, 1000, 1016])
def test_a_heap_of_1024_serves_exactly_what_fits(size, coalesce):
    heap = rheap.Heap(1024, coalesce=coalesce)
    each = max(24, (size + 7) // 8 * 8 + 8)
    for _ in range(3):
        blocks = []
        with pytest.raises(rheap.HeapExhausted):
            blocks.extend(heap.alloc(size) for _ in range(1025))
        assert len(blocks) == 1024 // each
        rest = 1024 % each
        assert heap.stats().wilderness_bytes == (rest if rest >= 24 else 0)
        for block in blocks:
            block[:] = b"c" * size
        heap.check()
        del block
        blocks.clear()


@pytest.mark.parametrize("size", [1000, 1001, 1008, 1009, 1016])
def test_the_last_block_takes_what_is_too_small_to_be_a_block(size):
    assert rheap.Heap(1024).alloc(size).capacity == 1016


@pytest.mark.parametrize("capacity", [24, 25, 31, 32, 1000, 1021, 4095, 4096, 4097])
def test_one_block_takes_the_whole_heap(capacity):
    heap = rheap.Heap(capacity)
    rounded = capacity // 8 * 8
    assert heap.capacity == rounded
    with pytest.raises(rheap.HeapExhausted):
        heap.alloc(rounded - 7)
    block = heap.alloc(rounded - 8)
    block[:] = b"w" * len(block)
    assert heap.stats().largest_now == heap.stats().largest_merged == 0
    with pytest.raises(rheap.HeapExhausted):
        heap.alloc(0)
    heap.check()


def test_the_smallest_heap_serves_one_block():
    heap = rheap.Heap(24)
    block = heap.alloc(16)
    with pytest.raises(rheap.HeapExhausted):
        heap.alloc(0)
    block.free()
    assert heap.alloc(0).capacity == 16
    heap.check()


def test_a_fitting_hole_is_found_though_lists_round_up():
    heap = rheap.Heap(100_000)
    blocks = [heap.alloc(size) for size in (10_008, 8, 20_008, 8, 30_008, 8)]
    rest = heap.alloc(heap.stats().largest_merged)
    for number in (0, 2, 4):
        blocks[number].free()
    for size in (30_008, 20_008, 10_008):
        assert heap.stats().largest_merged == size
        blocks.append(heap.alloc(size))
    assert rest.size
    heap.check()


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("capacity", [24, 32, 40, 1024, 100_000])
def test_the_largest_request_is_served_and_no_more(capacity, debug):
    heap = rheap.Heap(capacity, debug=debug)
    largest = heap.stats().largest_merged
    with pytest.raises(rheap.HeapExhausted) as caught:
        heap.alloc(largest + 1)
    assert caught.value.largest == largest
    block = heap.alloc(largest)
    assert block.size == largest
    assert heap.stats().largest_merged == 0


def test_the_cap_counts_lingering_blocks():
    heap = rheap.Heap(1024)
    with heap.alloc(800) as block:
        view = block.view()
    with pytest.raises(rheap.HeapExhausted):
        heap.alloc(800)
    view.release()
    assert heap.alloc(800).size == 800


# --- alignment ----------------------------------------------------------------------------------


@pytest.mark.parametrize("power", range(3, 22))
@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
def test_addresses_are_aligned(power, coalesce):
    heap = rheap.Heap("64 MiB", coalesce=coalesce)
    align = 1 << power
    blocks = [heap.alloc(8)]
    for size in (0, 1, 100, 5000, 70_000):
        block = heap.alloc(size, align=align)
        assert block.offset % align == 0
        assert block.address % align == 0
        blocks += [block, heap.alloc(24)]
    del blocks[::2], block
    blocks += [heap.alloc(64, align=align) for _ in range(3)]
    assert all(block.address % align == 0 for block in blocks[-3:])
    heap.check()


def test_every_region_starts_at_a_multiple_of_2_mib():
    for capacity in (24, 5000, 3 * MIB, "5 GiB"):
        block = rheap.Heap(capacity).alloc(8)
        assert (block.address - block.offset) % (2 * MIB) == 0


def test_an_aligned_block_that_just_fits_is_served():
    heap = rheap.Heap(8 * MIB)
    first = heap.alloc(100, align=2 * MIB)
    room = heap.map().spans[-1].end - first.offset
    first.free()
    heap.defrag()
    with pytest.raises(rheap.HeapExhausted):
        heap.alloc(room + 1, align=2 * MIB)
    assert heap.alloc(room, align=2 * MIB).offset == first_multiple(heap, 2 * MIB)
    heap.check()


def first_multiple(heap, align):
    return -(-(heap.map().spans[0].start + 8) // align) * align


# --- figures ------------------------------------------------------------------------------------


def test_peak_is_the_most_that_was_ever_live():
    heap = rheap.Heap("1 MiB")
    blocks = [heap.alloc(1000) for _ in range(10)]
    assert heap.stats().peak_bytes == heap.stats().live_bytes == 10_000
    del blocks[3:]
    assert heap.stats().live_bytes == 3000
    assert heap.stats().peak_bytes == 10_000
    heap.trim()
    blocks.append(heap.alloc(6000))
    assert heap.stats().peak_bytes == 10_000
    blocks.append(heap.alloc(2000))
    assert heap.stats().peak_bytes == 11_000


def test_fragmentation_is_what_the_largest_hole_lacks():
    heap = rheap.Heap(8 * 512)
    blocks = [heap.alloc(504) for _ in range(8)]
    assert heap.stats().fragmentation == 0
    for number in (1, 3, 4):
        blocks[number].free()
    stats = heap.stats()
    assert (stats.largest_now, stats.largest_merged) == (504, 1016)
    assert stats.fragmentation == pytest.approx(1 - 512 / 1536)
    assert stats.fragmentation_merged == pytest.approx(1 - 1024 / 1536)
    assert stats.utilisation == pytest.approx(5 * 504 / 4096)
    assert f"{stats.fragmentation:.1%}" in str(stats)
    assert f"{stats.fragmentation_merged:.1%}" in str(stats)
    assert heap.defrag() == 1
    assert heap.stats().largest_now == heap.stats().largest_merged == 1016
    assert heap.stats().fragmentation == stats.fragmentation_merged
