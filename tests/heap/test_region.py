"""What the region costs: reserved at once, taken as it is used."""

import numpy as np
import pytest
from support import MIB, PAGE, plain_build_only, process_resident

import rheap


@plain_build_only
@pytest.mark.usefixtures("quiet")
def test_a_heap_of_64_gib_costs_next_to_nothing():
    rheap.Heap("64 GiB").close()  # whatever a first one imports or sets up
    before = process_resident()
    heap = rheap.Heap("64 GiB")
    stats = heap.stats()
    assert process_resident() - before < MIB
    assert stats.capacity == stats.wilderness_bytes == 64 << 30
    assert stats.largest_merged == (64 << 30) - 8
    assert stats.resident_bytes < MIB


@plain_build_only
@pytest.mark.usefixtures("quiet")
def test_a_huge_block_costs_what_is_touched_of_it():
    heap = rheap.Heap("64 GiB")
    before = process_resident()
    block = heap.alloc("40 GiB")
    block[0] = block[-1] = block[20 << 30] = 7
    behind = heap.alloc(1000, zero=True)
    assert behind[:] == bytes(1000)
    assert process_resident() - before < 3 * MIB  # at most one huge page for the byte inside
    assert (block[0], block[1], block[-2], block[-1]) == (7, 0, 0, 7)
    assert heap.stats().live_bytes == (40 << 30) + 1000
    heap.check()


@plain_build_only
@pytest.mark.parametrize("size", [2**30 - 1, 2**30, 2**31, 2**32 - 1, 2**32, 5 * 2**32 + 3])
def test_large_ints_are_taken_to_the_byte(size):
    heap = rheap.Heap(64 << 30)
    block = heap.alloc(size)
    assert (heap.capacity, block.size, len(block)) == (64 << 30, size, size)
    assert size <= block.capacity < size + 8
    block.resize(size + 2**30)
    assert block.size == size + 2**30


@plain_build_only
@pytest.mark.usefixtures("quiet")
def test_zeroing_fresh_memory_touches_nothing():
    heap = rheap.Heap("8 GiB")
    before = process_resident()
    block = heap.alloc("4 GiB", zero=True)
    assert process_resident() - before < MIB
    assert block[3 << 30] == 0


@plain_build_only
@pytest.mark.usefixtures("quiet")
def test_prefault_takes_the_memory_at_once():
    before = process_resident()
    heap = rheap.Heap("32 MiB", prefault=True)
    assert process_resident() - before >= 32 * MIB
    assert heap.stats().resident_bytes >= 32 * MIB
    resident = process_resident()
    heap.alloc("30 MiB")[:] = bytes(30 * MIB)
    # The bytes() above came and went; the heap itself grew by nothing.
    assert heap.stats().resident_bytes <= 33 * MIB
    heap.close()
    assert process_resident() <= resident - 31 * MIB


# --- trim ---------------------------------------------------------------------------------------


@plain_build_only
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
def test_trim_gives_pages_of_free_blocks_back(coalesce):
    heap = rheap.Heap("256 MiB", coalesce=coalesce)
    blocks = [heap.alloc(8 * MIB) for _ in range(6)]
    for number, block in enumerate(blocks):
        np.frombuffer(block.view(), "u1")[:] = number + 1
    full, full_of_process = heap.stats().resident_bytes, process_resident()
    for number in (1, 2, 4):
        blocks[number].free()
    assert heap.stats().resident_bytes == full
    given_back = heap.trim()
    assert 24 * MIB - 8 * PAGE < given_back <= 24 * MIB + PAGE
    assert full - heap.stats().resident_bytes == given_back
    assert full_of_process - process_resident() >= given_back - MIB
    for number in (0, 3, 5):
        view = np.frombuffer(blocks[number].view(), "u1")
        assert view.min() == view.max() == number + 1
    heap.check()
    assert heap.trim() == 0


@plain_build_only
@pytest.mark.usefixtures("quiet")
def test_trim_gives_the_used_part_of_the_wilderness_back():
    heap = rheap.Heap("64 MiB")
    with heap.alloc(32 * MIB) as block:
        np.frombuffer(block.view(), "u1")[:] = 1
    given_back = heap.trim()
    assert given_back >= 32 * MIB - 2 * PAGE
    assert heap.stats().wilderness_bytes == heap.capacity
    assert heap.stats().resident_bytes < MIB
    before = heap.stats().resident_bytes
    block = heap.alloc(32 * MIB, zero=True)  # fresh again: nothing to clear but the first page
    assert heap.stats().resident_bytes - before <= 2 * PAGE
    assert not np.frombuffer(block.view(), "u1").any()
    heap.check()


def test_trim_of_an_unused_heap_gives_nothing():
    assert rheap.Heap("64 MiB").trim() == 0


# --- close --------------------------------------------------------------------------------------


@plain_build_only
@pytest.mark.usefixtures("quiet")
def test_close_gives_the_region_back():
    before = process_resident()
    heap = rheap.Heap("64 MiB")
    block = heap.alloc("32 MiB")
    np.frombuffer(block.view(), "u1")[:] = 1
    assert process_resident() - before >= 32 * MIB
    heap.close()
    assert process_resident() - before < MIB


@pytest.mark.parametrize("windows", [1, 2])
def test_a_region_that_ends_just_before_a_page_of_the_handle_table_closes(windows):
    heap = rheap.Heap(windows * 32 * 2**20 - 0x5000)
    block = heap.alloc(heap.capacity - 8)
    heap.close()
    assert block.freed
