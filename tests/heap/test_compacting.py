"""Blocks move so that what is free comes together; who looks at one sees nothing of it."""

import contextlib
import gc
import itertools
import math
import random
import threading
import tracemalloc

import pytest
from processes import Child

import rheap


def contents(number, size):
    return random.Random(number).randbytes(size)


def scattered(heap, count=300, keep_one_in=2):
    """Blocks with holes between them, by their contents."""
    blocks = [heap.alloc(20 + number % 400) for number in range(count)]
    for number, block in enumerate(blocks):
        block[:] = contents(number, block.size)
    return dict(list(enumerate(blocks))[::keep_one_in])


def verify(blocks):
    for number, block in blocks.items():
        assert block[:] == contents(number, block.size)


@pytest.mark.parametrize("policy", ["segregated", "first", "next", "best", "worst"])
@pytest.mark.parametrize("debug", [False, True])
def test_nothing_changes_but_the_places(policy, debug):
    heap = rheap.Heap("1 MiB", policy=policy, debug=debug)
    blocks = scattered(heap)
    before = heap.stats()
    report = heap.compact()
    verify(blocks)
    heap.check()
    assert report.finished
    assert report.moved_blocks == len(blocks) - 1
    assert report.largest_after == report.free_bytes
    assert report.extent_after < report.extent_before
    after = heap.stats()
    assert (after.live_blocks, after.live_bytes) == (before.live_blocks, before.live_bytes)
    assert after.free_blocks == 0
    assert heap.compact().moved_blocks == 0


def test_views_and_addresses_keep_blocks_where_they_are():
    heap = rheap.Heap("1 MiB")
    blocks = scattered(heap)
    viewed, addressed, used = blocks[2], blocks[4], blocks[6]
    view, address = viewed.view(), addressed.address
    consumer = memoryview(used)
    consumer.release()  # but who took the Block itself may have kept its address
    places = [block.offset for block in (viewed, addressed, used)]
    report = heap.compact()
    assert (report.pinned_blocks, report.exposed_blocks) == (1, 2)
    assert report.pinned_bytes == viewed.capacity + 8
    assert [block.offset for block in (viewed, addressed, used)] == places
    assert addressed.address == address
    assert bytes(view) == contents(2, viewed.size)
    verify(blocks)
    view.release()
    heap.compact()
    assert viewed.offset < places[0]
    verify(blocks)


def test_alignment_is_kept():
    heap = rheap.Heap("4 MiB")
    aligned = [(heap.alloc(50, align=align), heap.alloc(100)) for align in (64, 4096, 8, 256) * 20]
    kept = [pair[0] for pair in aligned]
    aligns = [4096 if not block.offset % 4096 else 8 for block in kept]
    del aligned
    heap.compact()
    heap.check()
    for block, align in zip(kept, aligns, strict=True):
        assert block.offset % align == 0


def test_passes_go_on_where_the_last_one_stopped():
    heap = rheap.Heap("1 MiB")
    blocks = scattered(heap)
    passes = 0
    while not (report := heap.compact(max_bytes=1000)).finished:
        assert report.moved_bytes <= 1000
        passes += 1
        verify(blocks)
        heap.check()
    assert passes > 10
    assert heap.compact().moved_blocks == 0


def test_a_pass_in_no_time_ends():
    heap = rheap.Heap("8 MiB")
    blocks = [heap.alloc(64) for _ in range(50_000)][::2]
    report = heap.compact(max_seconds=0)
    assert not report.finished
    assert report.moved_blocks < len(blocks) / 10
    while not heap.compact(max_seconds=0.0005).finished:
        pass
    assert heap.stats().free_blocks == 0


def test_a_block_that_no_pass_could_move_stays():
    heap = rheap.Heap("1 MiB")
    heap_ = [heap.alloc(1000), heap.alloc(100_000), heap.alloc(1000)]
    del heap_[0]
    report = heap.compact("50 KiB")
    assert (report.too_large_blocks, report.too_large_bytes) == (1, 100_008)
    assert report.finished
    assert heap.compact().moved_blocks == 2


@pytest.mark.parametrize("wrong", [-1, "-1", math.nan, -math.inf])
def test_bounds_are_not_negative(wrong):
    heap = rheap.Heap("1 MiB")
    with pytest.raises(ValueError, match="max_seconds" if isinstance(wrong, float) else "max_byte"):
        heap.compact(**{"max_seconds" if isinstance(wrong, float) else "max_bytes": wrong})
    with pytest.raises(TypeError, match="max_seconds"):
        heap.compact(max_seconds="1")


def test_no_bound_is_too_large():
    heap = rheap.Heap("1 MiB")
    kept = scattered(heap)
    assert heap.compact(10**12, math.inf).finished
    assert heap.compact(max_seconds=1e300).finished
    verify(kept)


def test_a_closed_heap_and_a_shared_one_do_not_compact():
    heap = rheap.Heap("1 MiB")
    heap.close()
    with pytest.raises(rheap.HeapClosed):
        heap.compact()
    with pytest.raises(rheap.HeapClosed):
        heap.compact_when()
    with rheap.SharedHeap("1 MiB") as shared:
        with pytest.raises(TypeError, match="SharedHeap"):
            shared.compact(max_bytes=3)
        with pytest.raises(TypeError, match="SharedHeap"):
            shared.compact_when()


# --- before a request is refused ------------------------------------------------------------------


def filled(size=1000, capacity="1 MiB", **options):
    heap = rheap.Heap(capacity, **options)
    blocks = {}
    with contextlib.suppress(rheap.HeapExhausted):
        for number in itertools.count():
            blocks[number] = heap.alloc(size)
            blocks[number][:] = contents(number, size)
    return heap, blocks


def test_what_is_free_is_enough():
    heap, blocks = filled()
    for number in list(blocks)[::2]:
        del blocks[number]
    free = heap.stats().free_bytes
    large = heap.alloc(free - 10_000)
    large[:] = b"x" * large.size
    heap.check()
    verify(blocks)


def test_as_little_is_moved_as_will_do():
    heap, blocks = filled()
    for number in list(blocks)[::2]:
        del blocks[number]
    places = {number: block.offset for number, block in blocks.items()}
    large = heap.alloc(5000)
    assert large.size == 5000
    moved = sum(block.offset != places[number] for number, block in blocks.items())
    assert 0 < moved < 10
    verify(blocks)


def test_a_block_that_grows_gets_room_too():
    heap, blocks = filled()
    for number in list(blocks)[::2]:
        del blocks[number]
    grown = blocks.pop(101)
    grown.resize(100_000)
    assert grown[:1000] == contents(101, 1000)
    verify(blocks)
    heap.check()


def test_without_it_nothing_moves():
    heap, blocks = filled(auto_compact=False)
    for number in list(blocks)[::2]:
        del blocks[number]
    places = [block.offset for block in blocks.values()]
    with pytest.raises(rheap.HeapExhausted, match="scattered") as caught:
        heap.alloc(5000)
    assert caught.value.walls is None
    assert [block.offset for block in blocks.values()] == places
    assert heap.compact().finished
    heap.alloc(5000).free()


def test_what_stands_in_the_way_is_named():
    heap, blocks = filled()
    views = [block.view() for block in blocks.values()]
    for number in list(blocks)[::2]:
        views[number].release()
        del blocks[number]
    again = blocks[101].view()
    with pytest.raises(rheap.HeapExhausted, match="may not move") as caught:
        heap.alloc(5000)
    count, size, largest = caught.value.walls
    assert (count, size) == (len(blocks), 1000 * len(blocks))
    assert len(largest) == 3
    for offset, bytes_, holders in largest:
        block = next(block for block in blocks.values() if block.offset == offset)
        assert (bytes_, holders) == (block.capacity, 2 if block is blocks[101] else 1)
    verify(blocks)
    heap.check()
    again.release()
    views.clear()
    heap.alloc(5000).free()


def test_arrays_are_not_moved():
    np = pytest.importorskip("numpy")
    heap = rheap.Heap("1 MiB")
    arrays = [heap.array(1000, "u1") for _ in range(900)][::2]
    for number, array in enumerate(arrays):
        array[:] = number % 256
    blocks = [heap.alloc(100) for _ in range(200)][::2]
    with pytest.raises(rheap.HeapExhausted):
        heap.alloc(400_000)
    heap.compact()
    assert all((array == number % 256).all() for number, array in enumerate(arrays))
    assert np.shares_memory(arrays[0], arrays[0])
    assert len(blocks) == 100


def test_at_random_beside_pins_and_frees():
    pick = random.Random(7)
    heap = rheap.Heap("256 KiB")
    blocks, views, number, refused = {}, {}, 0, 0
    for step in range(6000):
        action = pick.random()
        if action < 0.5:
            number += 1
            size = int(10 ** pick.uniform(0, 4.3))
            align = pick.choice((8, 8, 8, 64))
            try:
                blocks[number] = heap.alloc(size, align=align)
            except rheap.HeapExhausted as error:
                refused += 1
                assert align > 8 or error.requested > error.largest
                continue
            blocks[number][:] = contents(number, size)
        elif blocks and action < 0.9:
            gone = pick.choice(list(blocks))
            del blocks[gone]
            views.pop(gone, None)
        elif blocks:
            pinned = pick.choice(list(blocks))
            views[pinned] = blocks[pinned].view()
            if len(views) > 5:
                del views[pick.choice(list(views))]
        if step % 9 == 0:
            heap.compact(pick.choice((None, 500, 5000)))
        if step % 200 == 0:
            heap.check()
            verify(blocks)
    heap.check()
    verify(blocks)
    assert refused > 10


def test_tracemalloc_follows():
    heap = rheap.Heap("1 MiB")
    tracemalloc.start()
    try:
        blocks = scattered(heap)
        heap.compact()
        domain = tracemalloc.DomainFilter(True, rheap.TRACEMALLOC_DOMAIN)
        traces = tracemalloc.take_snapshot().filter_traces([domain]).traces
        assert len(traces) == len(blocks)
        places = {tracemalloc.get_object_traceback(block) for block in blocks.values()}
        assert places
        blocks.clear()
        gc.collect()
        assert not tracemalloc.take_snapshot().filter_traces([domain]).traces
    finally:
        tracemalloc.stop()


def test_pages_behind_the_blocks_go_back_to_the_system():
    heap = rheap.Heap("64 MiB")
    blocks = [heap.alloc(100_000) for _ in range(500)]
    for block in blocks:
        block[::4096] = bytes(len(range(0, block.size, 4096)))
    kept = blocks[::10]
    del blocks, block
    before = heap.stats().resident_bytes
    heap.compact()
    heap.trim()
    assert heap.stats().resident_bytes < before / 4
    assert len(kept) == 50


# --- in the background ----------------------------------------------------------------------------


def test_the_extent_stays_near_what_is_live():
    heap = rheap.Heap("64 MiB")
    heap.compact_when(fragmentation=1.2, until=1.05, budget=1.0)
    pick = random.Random(3)
    blocks = {number: heap.alloc(1000) for number in range(20_000)}
    for number in pick.sample(list(blocks), 15_000):
        del blocks[number]
    for number in range(20_000, 30_000):  # of another size, so that the holes do not serve
        blocks[number] = heap.alloc(1500)
        del blocks[pick.choice(list(blocks)[-3000:])]
    stats = heap.stats()
    live = stats.live_bytes + 8 * stats.live_blocks
    assert heap.capacity - stats.wilderness_bytes < 1.3 * live
    heap.check()


def test_the_plan_ends_and_terms_make_sense():
    heap = rheap.Heap("8 MiB")
    heap.compact_when()
    heap.compact_when(None)
    heap.alloc(10).free()
    for terms in ({"fragmentation": 1.0}, {"until": 0.9}, {"fragmentation": math.nan}):
        with pytest.raises(ValueError, match="until"):
            heap.compact_when(**terms)
    for budget in (0, -1, 1.5, math.nan):
        with pytest.raises(ValueError, match="budget"):
            heap.compact_when(budget=budget)


def test_arrays_are_made_where_they_stand_in_nobodys_way():
    np = pytest.importorskip("numpy")
    heap = rheap.Heap("64 MiB")
    heap.compact_when(fragmentation=1.2, until=1.05, budget=1.0)
    blocks = [heap.alloc(200) for _ in range(20_000)]
    arrays = [heap.array(100, "u1") for _ in range(100)]
    for number, array in enumerate(arrays):
        array[:] = number
    arrays.append(heap.array(50, "<U1"))  # of those that are not made in compiled code
    arrays[-1][:] = "x"
    offsets = [array.base.block.offset for array in arrays]
    assert max(offsets) < 100_000
    assert arrays.pop()[49] == "x"
    del blocks[1000:]
    assert heap.compact().extent_after < 300_000
    assert all((array == number).all() for number, array in enumerate(arrays))
    assert heap.array(100, zero=True).sum() == 0
    assert not np.shares_memory(arrays[0], arrays[1])
    heap.check()


# --- beside others --------------------------------------------------------------------------------


def test_no_thread_sees_a_block_half_moved():
    heap = rheap.Heap("2 MiB")
    blocks = {number: heap.alloc(300) for number in range(1000)}
    for number, block in blocks.items():
        block[:] = bytes([number % 251]) * 300
    wrong = []
    stop = threading.Event()

    def read(seed):
        pick = random.Random(seed)
        while not stop.is_set():
            number = pick.randrange(0, 1000, 3)
            block, expected = blocks[number], number % 251
            if block[pick.randrange(300)] != expected or set(block[:]) != {expected}:
                wrong.append(number)
            with block.view() as view:
                if view[299] != expected:
                    wrong.append(number)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    pick = random.Random(1)
    for _ in range(100):
        for number in range(1, 1000, 3):
            blocks[number] = heap.alloc(pick.randrange(1, 1500))
        for number in range(1, 1000, 3):
            del blocks[number]
        heap.compact(max_bytes=pick.choice((None, 10_000)))
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    heap.check()


def test_a_forked_child_compacts_its_copy():
    heap = rheap.Heap("1 MiB")
    blocks = scattered(heap)
    heap.compact(max_bytes=1000)
    places = [block.offset for block in blocks.values()]

    def work(pipe):
        heap.compact()
        verify(blocks)
        heap.check()
        pipe.send("done")

    with Child(work) as child:
        child.receive()
    assert [block.offset for block in blocks.values()] == places
    verify(blocks)


def test_what_compact_when_was_called_with_can_be_read(heap):
    assert heap.compaction_terms is None
    assert repr(heap) == "<rheap.Heap of 1 MiB>"
    heap.compact_when(fragmentation=2)
    assert heap.compaction_terms == (2.0, 1.05, 0.05)
    assert heap.compaction_terms.fragmentation == 2
    assert repr(heap) == "<rheap.Heap of 1 MiB, compact_when(2.0, until=1.05, budget=0.05)>"
    heap.compact_when(*heap.compaction_terms)
    assert heap.compaction_terms == rheap.CompactionTerms(2.0, 1.05, 0.05)
    with pytest.raises(ValueError, match="until"):
        heap.compact_when(1.01)
    assert heap.compaction_terms.fragmentation == 2
    heap.compact_when(None)
    assert heap.compaction_terms is None
    assert repr(heap) == "<rheap.Heap of 1 MiB>"


def test_the_terms_of_a_closed_heap_and_of_a_shared_one():
    heap = rheap.Heap("1 MiB")
    heap.compact_when()
    heap.close()
    assert heap.compaction_terms == (1.4, 1.05, 0.05)
    assert repr(heap) == "<rheap.Heap, closed>"
    with rheap.SharedHeap("1 MiB") as shared:
        assert shared.compaction_terms is None


@pytest.mark.parametrize(("count", "words"), [(1, "1 view"), (2, "2 views")])
def test_an_exhausted_heap_counts_views_in_good_english(count, words):
    heap = rheap.Heap(256)
    blocks = [heap.alloc(40) for _ in range(5)]
    views = [blocks[2].view() for _ in range(count)]
    blocks.clear()
    with pytest.raises(rheap.HeapExhausted, match=rf"\({words}\)"):
        heap.alloc(120)
    del views
