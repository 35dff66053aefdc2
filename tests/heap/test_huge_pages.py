"""Large blocks get huge pages where the heap grows for them; nothing else does."""

import pathlib
import re

import numpy as np
import pytest
from support import MIB, PAGE, plain_build_only, process_resident

import rheap

HUGE = 2 * MIB
pytestmark = pytest.mark.skipif(
    not pathlib.Path("/sys/kernel/mm/transparent_hugepage").exists(),
    reason="a system without transparent huge pages",
)


def wants_huge_pages(address):
    """Whether the mapping that this address lies in was advised to have them."""
    inside = False
    for line in pathlib.Path("/proc/self/smaps").read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            begin, end = (int(part, 16) for part in found.groups())
            inside = begin <= address < end
        elif inside and line.startswith("VmFlags:"):
            return "hg" in line.split()
    raise AssertionError(f"0x{address:x} is not mapped")


def whole_pages(block):
    """The addresses of the huge pages that lie inside a block."""
    first = -(-block.address // HUGE) * HUGE
    return range(first, (block.address + block.size) // HUGE * HUGE, HUGE)


@pytest.fixture(params=["deferred", "immediate"])
def heap(request):
    with rheap.Heap("256 MiB", coalesce=request.param) as heap:
        yield heap
        heap.check()


def test_a_large_block_has_them_inside(heap):
    kept = heap.alloc(MIB)
    block = heap.alloc(9 * MIB)
    assert len(whole_pages(block)) >= 3
    assert all(map(wants_huge_pages, whole_pages(block)))
    assert not wants_huge_pages(kept.address)
    behind = heap.alloc(MIB)
    assert not wants_huge_pages(-(-(behind.address + behind.size) // HUGE) * HUGE)


def test_small_blocks_have_none(heap):
    blocks = [heap.alloc(4 * MIB - 4096) for _ in range(20)]
    assert not any(wants_huge_pages(page) for block in blocks for page in whole_pages(block))


def test_what_was_written_before_stays_as_it_is(heap):
    for block in [heap.alloc(MIB) for _ in range(20)]:
        block.free()
    heap.defrag()
    block = heap.alloc(32 * MIB)  # 20 MiB of them were touched, as far as the heap knows
    pages = whole_pages(block)
    assert not any(map(wants_huge_pages, pages[:9]))
    assert wants_huge_pages(pages[-1])


def test_a_block_that_grows_by_much_has_them_in_what_it_got(heap):
    block = heap.alloc(MIB)
    block.resize(16 * MIB)
    pages = whole_pages(block)
    assert wants_huge_pages(pages[-1])


def test_a_small_piece_of_fresh_memory_has_none(heap):
    for block in [heap.alloc(MIB) for _ in range(8)]:
        block.free()
    heap.defrag()
    assert not any(map(wants_huge_pages, whole_pages(heap.alloc(11 * MIB))))


@plain_build_only
@pytest.mark.usefixtures("quiet")
def test_the_figures_and_trim_stay_true(heap):
    block = heap.alloc(32 * MIB)
    before, before_of_process = heap.stats().resident_bytes, process_resident()
    np.frombuffer(block.view(), "u1")[:] = 1
    taken = heap.stats().resident_bytes - before
    assert 32 * MIB - 2 * PAGE <= taken <= 32 * MIB + 2 * PAGE
    assert abs(process_resident() - before_of_process - taken) <= MIB
    block.free()
    # Small blocks in the same place, and holes between them: parts of huge pages.
    blocks = [heap.alloc(64 << 10) for _ in range(256)]
    for other in blocks[::2]:
        other.free()
    full, full_of_process = heap.stats().resident_bytes, process_resident()
    given_back = heap.trim()
    assert given_back >= 24 * MIB - 256 * 2 * PAGE
    assert full - heap.stats().resident_bytes == given_back
    assert full_of_process - process_resident() >= given_back - MIB
    assert heap.trim() == 0
