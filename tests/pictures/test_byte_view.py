"""The byte view: `heap.map(offset, length)` with the bytes of words, links and footers."""

import re

import pytest
from support import plain_build_only

import rheap

LINE = re.compile(r"^\+0x([0-9a-f]+) +(\S)  ((?:[0-9a-f]{2} ?){8})(?:  (.*))?$", re.MULTILINE)
WORD = re.compile(r"([\d,]+) bytes \(([\d,]+)\), (\w+) \((\d\d)\), before (free|not free) \((\d)\)")


def heap_and_blocks(**options):
    heap = rheap.Heap(2000, **options)
    blocks = [heap.alloc(size) for size in (40, 100, 24, 56, 72)]
    blocks.pop(1).free()
    heap.defrag()
    blocks.pop().free()
    return heap, [*blocks, blocks[0].view()]


def lines_of(picture):
    """(place, sign, the 8 bytes as a number, meaning) of each line that shows bytes."""
    return [
        (int(place, 16), sign, int.from_bytes(bytes.fromhex(shown), "little"), meaning)
        for place, sign, shown, meaning in LINE.findall(picture.draw(400))
    ]


def test_words_links_and_footers_are_told():
    heap, kept = heap_and_blocks()
    text = heap.map(kept[0].offset, 240).draw(200)
    assert text.startswith("+0x4ff8 |  28 00 00")
    assert "40 bytes (5), live (00), before not free (0), check " in text
    assert ", free (10), " in text
    assert "24 bytes (3), live (00), before free (1)" in text
    assert "next in its list: none" in text
    assert "prev in its list: none, bit 0 set" in text
    assert "size of the free block that ends here: 112 bytes" in text
    assert "bits of a word: 63-40 check code" in text


@pytest.mark.parametrize("options", [{}, {"debug": True}, {"policy": "first"}])
def test_the_lines_parsed_back_are_the_blocks(options):
    heap, kept = heap_and_blocks(**options)
    fence = 8 if "debug" in options else 0
    seen = []
    for place, sign, value, meaning in lines_of(heap.map(length=600)):
        if sign == "|":
            told, units, state, bits, _, mark = WORD.match(meaning).groups()
            capacity = int(told)
            assert capacity == int(units) * 8
            assert value & (1 << 40) - 1 == capacity | int(bits, 2) << 1 | int(mark)
            assert meaning.endswith(f"check {value >> 40:06x}")
            seen.append((place + 8, capacity - (fence if state == "live" else 0), state))
    live = {"pinned": "live"}
    assert seen == [
        (info.offset, info.capacity, live.get(info.state, info.state)) for info in heap.blocks()
    ]
    assert kept


def test_each_line_has_the_bytes_that_are_there():
    heap, kept = heap_and_blocks()
    kept[0][:] = bytes(range(40))
    shown = {place: value for place, _, value, _ in lines_of(heap.map(kept[0].offset, 40))}
    for at in range(0, 40, 8):
        place = kept[0].offset + at
        assert shown[place] == int.from_bytes(bytes(range(at, at + 8)), "little")
    assert "\x00" not in heap.map(kept[0].offset, 40).draw(80)


def test_links_lead_to_the_words_of_other_freed_blocks():
    heap = rheap.Heap(4000, coalesce="immediate")
    blocks = [heap.alloc(100) for _ in range(8)]
    freed = [blocks[at].offset - 8 for at in (1, 3, 5)]
    for at in (1, 3, 5):
        blocks[at].free()
    lines = lines_of(heap.map())
    assert lines == []  # all of it is drawn, not told
    links = {
        (place - 8 - at, meaning.split()[0]): re.search(r": (none|\+0x[0-9a-f]+)", meaning)[1]
        for place, _, _, meaning in lines_of(heap.map(length=1000))
        for at, label in ((0, "next"), (8, "prev"))
        if meaning.startswith(label)
    }
    chain, at = [], next(block for block in freed if links[block, "prev"] == "none")
    while True:
        chain.append(at)
        if links[at, "next"] == "none":
            break
        following = int(links[at, "next"], 16)
        assert int(links[following, "prev"], 16) == at
        at = following
    assert sorted(chain) == freed


def test_each_block_without_an_owner_shows_the_links_of_its_list():
    heap = rheap.Heap(8000)
    large, small, wall = (heap.alloc(size) for size in (3000, 100, 4000))
    small.free()  # deferred, in a list of its size
    large.free()  # merged at once, in a list of holes
    by_place = {place: meaning for place, _, _, meaning in lines_of(heap.map(length=3300))}
    hole, deferred = (info.offset for info in heap.blocks() if not info.state.is_live)
    assert by_place[hole] == by_place[deferred] == "next in its list: none"
    assert by_place[hole + 8].startswith("prev in its list: none")
    assert wall.size == 4000


def test_the_smallest_hole_has_no_footer():
    heap = rheap.Heap(200, coalesce="immediate")
    hole, wall = heap.alloc(16), heap.alloc(8)
    hole.free()
    text = heap.map(length=100).draw(200)
    assert "bit 0 set: no footer" in text
    assert "size of" not in text
    assert wall.size == 8


def test_of_a_large_block_the_ends_are_shown():
    heap = rheap.Heap("64 MiB")
    large, wall = heap.alloc("8 MiB"), heap.alloc(8)
    large.free()
    heap.defrag()
    text = heap.map(length="9 MiB").draw(200)
    for part in ("next in its list", "prev in its list", "size of the free block", "bytes more"):
        assert part in text
    assert "8,388,584 bytes more" in text
    assert "bytes of wilderness" in text
    assert wall.size == 8


@plain_build_only
def test_of_a_huge_block_too():
    heap = rheap.Heap("64 GiB")
    huge, wall = heap.alloc("60 GiB"), heap.alloc(8)
    lines = lines_of(heap.map(length="61 GiB"))
    assert [sign for _, sign, _, _ in lines] == ["|", "#", "#", "#", "|", "#", "#"]
    assert len(heap.map(length="61 GiB")._repr_html_()) < 10_000
    huge.free()
    assert "bytes of wilderness" in heap.map(wall.offset - 100).draw(80)


def test_of_a_large_block_with_a_fence_the_end_is_shown_too():
    heap = rheap.Heap("1 MiB", debug=True)
    block = heap.alloc(10_000)
    block[-8:] = b"the last"
    *_, last, fence = lines_of(heap.map(length=10_100))
    assert last == (block.offset + 9992, "#", int.from_bytes(b"the last", "little"), "the.last")
    assert fence[:2] == (block.offset + 10_000, "!")


def test_of_512_bytes_all_are_known():
    heap = rheap.Heap(4000)
    block = heap.alloc(2000)
    block[:] = b"x" * 2000
    picture = heap.map(block.offset + 800, 512)
    assert len(picture.byte_view.words) == 65  # the one before is read too
    assert heap.map(block.offset + 800, 520).byte_view is None
    head = heap.map(block.offset, 600)
    assert lines_of(head)[-1][0] == block.offset + 8
    assert "... 584 bytes more" in head.draw(80)
    assert [value for *_, value, _ in lines_of(picture)] == 3 * [int.from_bytes(b"x" * 8)]


def test_many_blocks_are_drawn_as_cells():
    heap = rheap.Heap(4000)
    blocks = [heap.alloc(8) for _ in range(25)]
    assert lines_of(heap.map(length=24 * 24))
    picture = heap.map(length=25 * 24)
    assert not lines_of(picture)
    assert "a cell is 8 bytes" in picture.draw(100)
    assert len(blocks) == 25


@pytest.mark.parametrize("width", [20, 80, 400])
def test_keeps_to_the_width(width):
    heap, kept = heap_and_blocks(debug=True)
    for picture in (heap.map(length=300), heap.map(length=1500), heap.map()):
        assert max(map(len, picture.draw(width).splitlines())) <= width
    assert kept


@pytest.mark.parametrize(
    ("offset", "length", "error"),
    [
        (0, 10, ValueError),
        (1 << 30, 10, ValueError),
        (0x5000, 0, ValueError),
        (-8, 8, ValueError),
        ("1 MiB", 8, ValueError),
        (0x5000, "8 parsecs", ValueError),
        (True, 8, TypeError),
        (0x5000, 1.5, TypeError),
        (0x5000, 1 << 70, OverflowError),
    ],
)
def test_a_part_that_is_none_is_refused(offset, length, error):
    with pytest.raises(error):
        rheap.Heap(1000).map(offset, length)


def test_parts_of_a_map_are_the_map():
    heap, kept = heap_and_blocks(debug=True)
    whole = heap.map()
    part = heap.map(0x5010, "40 B")
    assert (part.spans[0].start, part.spans[-1].end) == (0x5010, 0x5038)
    assert {span.kind for span in part.spans} == {"pinned", "fence", "word"}
    assert heap.map(whole.spans[0].start).spans == whole.spans
    assert heap.map("20 KiB", 2000).spans[0].start == 0x4FF8  # the word of the block there
    assert heap.map(0x5015, 1).spans[0].start == 0x5010
    for start in range(0x4FF8, 0x5100, 24):
        for length in (1, 8, 100):
            inside = [span.within(start, start + length) for span in whole.spans]
            seen = heap.map(start, length).spans
            assert seen[-1].end == -(-(start + length) // 8) * 8
            assert {span.kind for span in inside if span.start < span.end} <= {
                span.kind for span in seen
            }
    assert kept


def test_figures_are_those_of_the_whole_heap():
    heap, kept = heap_and_blocks()
    assert heap.map(length=64).figures == heap.map().figures
    assert kept


def test_a_damaged_word_is_not_drawn():
    heap, kept = heap_and_blocks()
    import ctypes

    ctypes.memset(kept[1].address - 8, 0x41, 8)
    with pytest.raises(rheap.HeapCorruption):
        heap.map(kept[0].offset, 64)


def test_rich_paints_it_and_keeps_to_its_width():
    console = pytest.importorskip("rich.console")
    heap, kept = heap_and_blocks()
    for picture in (heap.map(), heap.map(length=200)):
        for width in (40, 120):
            plain = console.Console(width=width, color_system=None)
            with plain.capture() as captured:
                plain.print(picture)
            lines = captured.get().splitlines()
            assert [line.rstrip() for line in lines] == picture.draw(width).splitlines()
        colour = console.Console(width=80, color_system="truecolor", force_terminal=True)
        with colour.capture() as captured:
            colour.print(picture)
        assert len(re.findall("48;2;", captured.get())) > 4
        narrow = console.Console(width=20, color_system="truecolor", force_terminal=True)
        with narrow.capture() as captured:
            narrow.print(picture)
        assert re.search(r"\+0x[0-9a-f]+ *\x1b\[0m.*48;2;", captured.get())
    assert kept
