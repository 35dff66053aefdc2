"""Who holds the memory: sites of blocks, leaks, and the holders that an exhausted heap names."""

import gc
import pickle

import pytest

import rheap

HERE = f"{__file__}:"


@pytest.fixture
def heap():
    return rheap.Heap("1 MiB", debug=True)


def line_of(site):
    return int(site.removeprefix(HERE).partition(" ")[0])


def test_each_block_knows_the_line_that_allocated_it(heap):
    def function():
        return heap.alloc(100)

    kept = [function(), (lambda: heap.alloc(200))(), *(heap.alloc(n) for n in (300, 300))]
    sites = [info.site for info in heap.blocks() if info.state.is_live]
    assert all(site.startswith(HERE) for site in sites)
    assert [site.rpartition(".")[2] for site in sites] == [
        "function",
        "<lambda>",
        "<genexpr>",
        "<genexpr>",
    ]
    assert line_of(sites[0]) == function.__code__.co_firstlineno + 1
    assert len(kept) == 4


def test_blocks_of_plain_heaps_and_freed_blocks_have_no_site(heap):
    plain = rheap.Heap("1 MiB")
    kept = plain.alloc(8)
    heap.alloc(8).free()
    assert [info.site for info in [*plain.blocks(), *heap.blocks()]] == [None, None]
    assert kept.size == 8


def test_leaks_are_counted_by_line_most_bytes_first(heap):
    small = [heap.alloc(10) for _ in range(3)]
    large = heap.alloc(1000)
    leaks = heap.leaks()
    assert [(leak.bytes, leak.blocks, leak.lingering) for leak in leaks] == [
        (1000, 1, 0),
        (30, 3, 0),
    ]
    assert line_of(leaks[0].site) == line_of(leaks[1].site) + 1
    lines = str(leaks).splitlines()
    assert lines[1] == f"30 B in 3 blocks: {leaks[1].site}"
    assert lines[2].startswith("1030 B in 4 blocks: in all") or "in 4 blocks: in all" in lines[2]
    del small, large
    assert heap.leaks() == ()
    assert str(heap.leaks()) == "no live blocks"


def test_what_lingers_is_counted_until_its_last_view_is_gone(heap):
    with pytest.warns(rheap.LingeringWarning), heap.alloc(50) as block:
        view = block.view()
    del block
    assert [(leak.lingering, leak.waiting) for leak in heap.leaks()] == [(1, 0)]
    assert "1 lingering (1 seen by views)" in str(heap.leaks())
    view.release()
    del view
    gc.collect()
    assert heap.leaks() == ()


def test_without_debug_the_site_is_unknown_and_a_hint_says_what_helps():
    heap = rheap.Heap("1 MiB")
    kept = [heap.alloc(100), heap.alloc(50)]
    assert heap.leaks() == ((None, 150, 2, 0, 0),)
    assert "unknown site" in str(heap.leaks())
    assert "debug=True" in str(heap.leaks())
    assert len(kept) == 2


def test_an_exhausted_heap_names_the_three_that_hold_most(heap):
    kept = [heap.alloc(400_000)]
    kept += [heap.alloc(100_000) for _ in range(2)]
    kept += [heap.alloc(50_000)]
    kept += [heap.alloc(10)]
    for request in (lambda: heap.alloc(900_000), lambda: kept[-1].resize(900_000)):
        with pytest.raises(rheap.HeapExhausted, match="most is held by\n") as caught:
            request()
        assert [holder.bytes for holder in caught.value.holders] == [400_000, 200_000, 50_000]
        assert str(caught.value.holders[1]) in str(caught.value)
        again = pickle.loads(pickle.dumps(caught.value))
        assert again.holders == caught.value.holders
        assert str(again) == str(caught.value)


def test_holders_of_an_error_are_not_all_there_are(heap):
    kept = [heap.alloc(200_000), *(heap.alloc(10) for _ in range(5)), heap.alloc(20)]
    with pytest.raises(rheap.HeapExhausted) as caught:
        heap.alloc(900_000)
    assert "in all" not in str(caught.value) + str(caught.value.holders)
    with pytest.raises(rheap.HeapExhausted) as caught:
        heap.alloc("2 MiB")  # who holds what does not matter
    assert "held by" not in str(caught.value)
    assert len(kept) == 7


def test_an_exhausted_plain_heap_names_nobody():
    heap = rheap.Heap("1 KiB")
    kept = heap.alloc(900)
    with pytest.raises(rheap.HeapExhausted) as caught:
        heap.alloc(900)
    assert caught.value.holders == ()
    assert "held by" not in str(caught.value)
    assert kept.size == 900


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>.py", 'a"b.py', "a\nb.py", "caf\udce9.py", "\N{SNOWMAN}.py"]
)
def test_strange_names_are_shown_as_text(heap, name):
    names = {"heap": heap, "kept": []}
    exec(compile("kept.append(heap.alloc(8))", name, "exec"), names)
    (info,) = heap.blocks()
    assert info.site.endswith(":1 <module>")
    (line, _total) = str(heap.leaks()).splitlines()
    line.encode()
    assert rheap.HeapExhausted(1, 1, 1, 1, heap.leaks()).holders == heap.leaks()


def test_the_same_line_in_several_code_objects_is_one_holder(heap):
    kept = []
    for _ in range(3):
        exec(
            compile("kept.append(heap.alloc(8))", "again.py", "exec"), {"heap": heap, "kept": kept}
        )
    assert heap.leaks() == (("again.py:1 <module>", 24, 3, 0, 0),)


def test_a_closed_or_damaged_heap_refuses():
    heap = rheap.Heap("1 MiB", debug=True)
    heap.close()
    with pytest.raises(rheap.HeapClosed):
        heap.leaks()
