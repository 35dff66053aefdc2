"""The picture of the region: its spans, and how they are drawn."""

import itertools
import random
import re
import textwrap

import numpy as np
import pytest
from support import plain_build_only

import rheap
from rheap.format.sizes import format_size
from rheap.pictures.palette import LEGEND

WIDTHS = [20, 80, 400]
SIGNS = {name: sign for sign, name in LEGEND.values()}


def make(kind):
    """A heap and what keeps its blocks alive."""
    if kind == "empty":
        return rheap.Heap(4096), []
    if kind == "full":
        heap = rheap.Heap(4096)
        return heap, [heap.alloc(1016) for _ in range(4)]
    if kind == "smallest":
        heap = rheap.Heap(24)
        return heap, [heap.alloc(16)]
    if kind == "huge":
        heap = rheap.Heap("64 GiB")
        return heap, [heap.alloc("20 GiB"), heap.alloc(1), heap.alloc("12 GiB")]
    if kind == "huge and empty":
        return rheap.Heap("64 GiB"), []
    heap = rheap.Heap(100_000, debug=kind == "debug", coalesce="deferred")
    blocks = [heap.alloc(number * 37 % 900) for number in range(120)]
    del blocks[::3]
    if kind == "merged":
        heap.defrag()
    return heap, [*blocks, [block.view() for block in blocks[::4]]]


KINDS = [
    "empty",
    "full",
    "smallest",
    pytest.param("huge", marks=plain_build_only),
    "huge and empty",
    "busy",
    "merged",
    "debug",
]


@pytest.fixture(params=KINDS)
def heap(request):
    heap, kept = make(request.param)
    yield heap
    kept.clear()


def picture(lines):
    """The signs of the drawn rows, in order."""
    rows = re.findall(r"^\+0x[0-9a-f]+ +(\S+)$", lines, re.MULTILINE)
    assert rows
    return "".join(rows)


def test_spans_tile_the_region(heap):
    spans = heap.map().spans
    for one, behind in itertools.pairwise(spans):
        assert one.end == behind.start
    assert all(span.start < span.end for span in spans)
    assert spans[-1].end - spans[0].start == heap.capacity


def test_spans_are_the_blocks(heap):
    spans = [span for span in heap.map().spans if span.kind not in ("word", "fence", "wilderness")]
    seen = [(span.start, span.end - span.start, span.kind) for span in spans]
    assert seen == [(info.offset, info.capacity, info.state) for info in heap.blocks()]


def test_spans_agree_with_stats(heap):
    map_ = heap.map()
    total = dict.fromkeys(LEGEND, 0)
    for span in map_.spans:
        total[span.kind] += span.end - span.start
    stats = heap.stats()
    assert map_.stats == stats
    assert total["live"] + total["pinned"] + total["exposed"] + total["lingering"] == (
        stats.live_bytes
    )
    assert total["pinned"] == stats.pinned_bytes
    assert total["deferred"] + total["free"] == stats.free_bytes
    assert total["word"] + total["fence"] == stats.overhead_bytes
    assert total["wilderness"] == stats.wilderness_bytes


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_asked_for(heap, width):
    lines = heap.map().draw(width).splitlines()
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_the_picture_has_few_rows_however_large_the_heap(heap, width):
    assert 1 <= len(re.findall(r"^\+0x", heap.map().draw(width), re.MULTILINE)) <= 8


@pytest.mark.parametrize("width", WIDTHS)
def test_the_legend_names_what_is_drawn_and_nothing_else(heap, width):
    text = heap.map().draw(width)
    signs = picture(text)
    words = " ".join(line for line in text.splitlines() if not line.startswith("+0x"))
    legend = words[: words.index(format_size(heap.capacity) + ": ")]
    for name, sign in SIGNS.items():
        assert (f"{sign} {name}" in legend.replace("  ", " ")) == (sign in signs), name


@pytest.mark.parametrize("width", WIDTHS)
def test_each_sign_is_the_kind_that_fills_most_of_its_cell_or_a_word_in_it(heap, width):
    map_ = heap.map()
    text = map_.draw(width)
    signs = picture(text)
    words = " ".join(text.splitlines())
    number, unit = re.search(r"a cell is ([\d.]+) (bytes|KiB|MiB|GiB)", words).groups()
    scale = int(number) * {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[unit]
    origin, end = map_.spans[0].start, map_.spans[-1].end
    for cell, sign in enumerate(signs):
        begin = origin + cell * scale
        assert begin < end
        filled = dict.fromkeys(LEGEND, 0)
        for span in map_.spans:
            inside = min(span.end, begin + scale) - max(span.start, begin)
            filled[span.kind] += max(inside, 0)
        drawn = next(kind for kind, (mark, _) in LEGEND.items() if mark == sign)
        assert filled[drawn] > 0
        assert drawn == "word" or filled[drawn] == max(filled.values())


@pytest.mark.parametrize("width", WIDTHS)
def test_all_that_was_in_use_is_drawn(heap, width):
    map_ = heap.map()
    text = map_.draw(width)
    rows = re.findall(r"^\+0x([0-9a-f]+) +(\S+)$", text, re.MULTILINE)
    assert int(rows[0][0], 16) == map_.spans[0].start
    if len(rows) > 1:
        scale = (int(rows[1][0], 16) - int(rows[0][0], 16)) // len(rows[0][1])
        covered = sum(len(signs) for _, signs in rows) * scale
        used = heap.capacity - heap.stats().wilderness_bytes
        assert covered >= used


@pytest.mark.parametrize("width", WIDTHS)
def test_the_figures_are_those_of_stats(heap, width):
    text = " ".join(heap.map().draw(width).split())
    stats = heap.stats()
    for figure in (
        f"{format_size(stats.capacity)}: ",
        f"{format_size(stats.live_bytes)} live in {stats.live_blocks} block",
        f"{format_size(stats.free_bytes)} freed in {stats.free_blocks} block",
        f"{format_size(stats.wilderness_bytes)} wilderness",
        f"largest request {format_size(stats.largest_now)}",
        f"fragmentation {stats.fragmentation:.1%}",
    ):
        assert figure in text
    assert "lingering" not in text


# --- each state -------------------------------------------------------------------------------


def draw_one(change, **options):
    """The signs of a heap of one block of 40 bytes to which `change` happened, and a live one."""
    heap = rheap.Heap(256, **options)
    block, wall = heap.alloc(40), heap.alloc(16)
    kept = change(heap, block)
    del block
    signs = picture(heap.map().draw(80))
    assert wall.size == 16
    del kept
    return signs


def linger(heap, block):
    with block:
        return block.view()


def shrink(heap, block):
    block.resize(8)
    return block


@pytest.mark.parametrize(
    ("change", "signs"),
    [
        (lambda heap, block: block, "|#####|##"),
        (lambda heap, block: block.view(), "|PPPPP|##"),
        (lambda heap, block: np.frombuffer(block.view(), "u1"), "|PPPPP|##"),
        (lambda heap, block: np.ndarray(40, "u1", buffer=block), "|XXXXX|##"),
        (linger, "|LLLLL|##"),
        (lambda heap, block: block.free(), "|-----|##"),
        (lambda heap, block: (block.free(), heap.defrag()), "|.....|##"),
        (shrink, "|##|..|##"),
    ],
    ids=["live", "pinned", "pinned array", "exposed", "lingering", "deferred", "free", "shrunk"],
)
def test_each_state_has_its_sign(change, signs):
    assert draw_one(change) == signs + "~" * (32 - len(signs))


def test_a_shrunk_block_keeps_a_rest_that_is_too_small():
    def shrink_a_little(heap, block):
        block.resize(32)
        return block

    assert draw_one(shrink_a_little).startswith("|#####|##")


def test_fences_of_a_debug_heap_are_drawn():
    heap = rheap.Heap(256, debug=True)
    blocks = [heap.alloc(24), heap.alloc(16)]
    assert picture(heap.map().draw(80)).startswith("|###!|##!~")
    blocks[0].free()
    assert picture(heap.map().draw(80)).startswith("|----|##!~")


def test_lingering_is_told_in_figures():
    heap = rheap.Heap(4096)
    with heap.alloc(1000) as block:
        view = block.view()
    assert "1000 B live in 1 block (1000 B lingering)" in heap.map().draw(400)
    view.release()
    assert "lingering" not in heap.map().draw(400)


# --- as text ----------------------------------------------------------------------------------


def test_the_picture_of_a_small_heap():
    heap = rheap.Heap(256)
    blocks = [heap.alloc(size) for size in (24, 16, 40, 16)]
    blocks[0].free()
    heap.defrag()
    view = blocks[1].view()
    blocks[2].free()
    assert heap.map().draw(60) == textwrap.dedent(
        """\
        +0x4ff8 |...|PP|-----|##~~~~~~~~~~~~~~~~
        a cell is 8 bytes   | word   # live   P pinned
        - freed, unmerged   . free   ~ wilderness
        256 B: 32 B live in 2 blocks, 64 B freed in 2 blocks, 128 B
        wilderness, largest request 120 B, fragmentation 38.5%"""
    )
    view.release()


def test_str_is_as_wide_as_the_terminal(monkeypatch):
    heap, kept = make("busy")
    for columns in (40, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert str(heap.map()) == heap.map().draw(columns)
    assert kept


def test_a_width_below_20_is_taken_as_20(heap):
    assert heap.map().draw(1) == heap.map().draw(20)


def test_the_picture_stays_when_the_heap_goes_on():
    heap, kept = make("busy")
    map_ = heap.map()
    before = map_.draw(80)
    kept.clear()
    heap.defrag()
    heap.close()
    assert map_.draw(80) == before


def test_repr_counts_the_spans():
    heap = rheap.Heap(256)
    blocks = [heap.alloc(24), heap.alloc(24)]
    assert repr(heap.map()) == "<rheap.HeapMap, 2 live, 1 wilderness, 2 word>"
    assert blocks


def test_figures_are_written_without_an_exponent():
    figures = rheap.Heap(1010 << 10).map().draw(80).split(": ")[1]
    assert "e" not in figures.split(" live")[0]


@pytest.mark.parametrize("options", [{}, {"debug": True}, {"coalesce": "immediate"}])
@pytest.mark.parametrize("seed", range(4))
def test_the_picture_parsed_back_is_the_blocks(options, seed):
    choose = random.Random(seed)
    heap = rheap.Heap(12_000, **options)
    blocks = []
    for _ in range(150):
        if blocks and choose.random() < 0.45:
            blocks.pop(choose.randrange(len(blocks)))
        else:
            blocks.append(heap.alloc(choose.randrange(120)))
    views = [block.view() for block in blocks[::5]]
    text = heap.map().draw(400)
    assert "a cell is 8 bytes" in text
    first = int(re.search(r"^\+0x([0-9a-f]+)", text)[1], 16)
    seen = []
    for found in re.finditer(r"\|([^|!~]+)", picture(text)):
        (sign,) = set(found[1])
        seen.append((first + (found.start() + 1) * 8, len(found[1]) * 8, sign))
    assert seen == [(info.offset, info.capacity, LEGEND[info.state][0]) for info in heap.blocks()]
    assert views


# --- what the core sums up ----------------------------------------------------------------------


def kinds_of_cells(spans, cell_bytes, most):
    """What `Tiling.cells` should say, from the spans one by one."""
    origin, cells = spans[0].start, []
    for begin in range(origin, min(spans[-1].end, origin + most * cell_bytes), cell_bytes):
        filled = dict.fromkeys([span.kind for span in spans if span.end > begin], 0)
        for span in spans:
            inside = min(span.end, begin + cell_bytes) - max(span.start, begin)
            filled[span.kind] = filled.get(span.kind, 0) + max(inside, 0)
        cells.append(max(filled, key=filled.__getitem__))
    for word, payload in itertools.pairwise(spans):
        cell = (word.start - origin) // cell_bytes
        wide = payload.end - word.start >= 4 * cell_bytes
        if word.kind == "word" and wide and cell < len(cells):
            cells[cell] = "word"
    return cells


@pytest.mark.parametrize("kind", ["busy", "merged", "debug"])
@pytest.mark.parametrize("cell_bytes", [8, 16, 64, 1024, 1 << 40])
def test_cells_are_what_the_spans_are(kind, cell_bytes):
    heap, kept = make(kind)
    for picture in (heap.map(), heap.map(length=900), heap.map(0x5100, 4000)):
        for most in (1, 7, 300):
            cells = picture.tiling.cells(cell_bytes, most)
            assert cells == kinds_of_cells(picture.spans, cell_bytes, most)
    assert kept


@pytest.mark.parametrize("kind", ["busy", "merged", "debug"])
@pytest.mark.parametrize("row_bytes", [64, 1000, 1 << 20])
@pytest.mark.parametrize("narrow", [0, 9, 100])
def test_pieces_and_crowds_are_the_spans(kind, row_bytes, narrow):
    heap, kept = make(kind)
    picture = heap.map()
    spans = {(span.start, span.end, span.kind) for span in picture.spans}
    rows = picture.tiling.pieces(row_bytes, 50, narrow, 2 * narrow)
    at, origin = picture.spans[0].start, picture.spans[0].start
    for number, (pieces, crowds) in enumerate(rows):
        assert at == origin + number * row_bytes
        drawn = sorted([(piece[0], piece[1]) for piece in pieces + crowds])
        for start, end in drawn:
            assert start == at < end
            at = end
        for start, end, (first, last, kind_, row) in pieces:
            assert end - start >= narrow
            assert (first, last, kind_) in spans and first <= start < end <= last
            assert (row is None) == (kind_ == "wilderness")
        for start, end, shares in crowds:
            assert sum(bytes_ for bytes_, _ in shares.values()) == end - start
            assert sum(count for _, count in shares.values()) >= len(shares)
    assert at == min(picture.spans[-1].end, origin + 50 * row_bytes)
    assert kept


def test_a_picture_outlives_its_heap():
    heap = rheap.Heap(1000)
    picture, text = heap.map(), heap.map().draw(80)
    spans = heap.map().spans
    heap.close()
    del heap
    assert (picture.draw(80), picture.spans) == (text, spans)


def test_pictures_of_the_same_moment_are_equal():
    heap = rheap.Heap(1000)
    one, other = heap.map(), heap.map()
    assert one == other and hash(one) == hash(other)
    block = heap.alloc(10)
    assert heap.map() != one and one != heap.map(length=100)
    assert block.size == 10
