"""What notebooks show: `_repr_html_` of heaps, blocks, maps and figures."""

import copy
import ctypes
import pickle
import re
from html import unescape

import pytest
from support import run_python

import rheap
from rheap.pictures.svg import map_svg

FOCUS = 'class="focus"'


@pytest.fixture
def blocks(heap):
    return [heap.alloc(size) for size in (40, 100, 24, 56)]


def test_a_heap_is_its_map(heap, blocks):
    html = heap._repr_html_()
    assert heap.map()._repr_html_() in html
    assert "&lt;rheap.Heap of 1 MiB&gt;" in html
    assert blocks


def test_a_part_is_shown_as_the_terminal_shows_it(heap, blocks):
    blocks[1].free()
    heap.defrag()
    part = heap.map(blocks[0].offset, 300)
    html = part._repr_html_()
    assert map_svg(part) in html
    (text,) = re.findall("<pre[^>]*>(.*?)</pre>", html, re.DOTALL)
    shown = unescape(re.sub("<[^>]+>", "", text))
    assert part.draw(120).startswith(shown)
    for meaning in ("free (10)", "next in its list", "bits of a word: 63-40 check code"):
        assert meaning in shown


def test_what_is_in_the_bytes_is_text(heap):
    block = heap.alloc(16)
    block[:8] = b"<script>"
    assert "&lt;script&gt;" in heap.map(block.offset, 16)._repr_html_()


def test_leaks_are_a_table():
    heap = rheap.Heap("1 MiB", debug=True)
    kept = [heap.alloc(1000)]
    kept += [heap.alloc(10)]
    html = heap.leaks()._repr_html_()
    assert "<th>bytes</th>" in html and html.count("<tr>") == 3
    assert f"<td>1,000</td><td>1</td><td>0</td><td>0</td><td>{__file__}:" in html
    del kept
    assert heap.leaks()._repr_html_() == "<code>no live blocks</code>"
    plain = rheap.Heap("1 MiB")
    kept = plain.alloc(8)
    assert "debug=True knows the lines" in plain.leaks()._repr_html_()
    assert kept.size == 8


def test_blocks_carry_their_sizes(heap, blocks):
    blocks[1].free()
    texts = re.findall("<text[^>]*>([^<]*)</text>", heap._repr_html_())
    assert {"# 40", "- 104", "# 24", "# 56"} <= set(texts)
    assert not any(text.startswith("| ") and text != "| word" for text in texts)


def test_figures_are_a_bar_and_a_table(heap, blocks):
    html = heap.stats()._repr_html_()
    for name, value in (("live_blocks", 4), ("allocations", 4), ("capacity", "1,048,576")):
        assert f"<td>{name}</td><td>{value}</td>" in html
    widths = [float(n) for n in re.findall(r'<rect class="live"[^>]* width="([\d.]+)"', html)]
    assert widths
    assert blocks


def test_text_and_table_are_the_same_rows(heap, blocks):
    stats = heap.stats()
    rows = list(stats.rows())
    assert [line.split(maxsplit=2) for line in str(stats).splitlines()] == [
        [cell for cell in row if cell] for row in rows
    ]
    table = stats._repr_html_()
    assert re.findall("<tr><td>(.*?)</td>", table) == [name for name, _, _ in rows]
    assert ("capacity", "1,048,576", "1 MiB") in rows and ("live_blocks", "4", "") in rows
    assert blocks


def test_figures_that_were_pickled_are_shown_elsewhere(heap, blocks):
    stats = heap.stats()
    assert copy.copy(stats) == copy.deepcopy(stats) == pickle.loads(pickle.dumps(stats)) == stats
    code = "import pickle; print(pickle.loads(%r)._repr_html_())"
    assert run_python(code % pickle.dumps(stats)).rstrip() == stats._repr_html_()
    assert blocks


def bar_of(heap):
    return heap.stats()._repr_html_()


@pytest.mark.parametrize("debug", [False, True])
def test_the_bar_has_the_kinds_of_the_map(debug):
    heap = rheap.Heap(2000, debug=debug)
    blocks = [heap.alloc(size) for size in (40, 100, 24, 56, 72, 8)]
    blocks.pop(1).free()
    heap.defrag()
    blocks.pop(2).free()
    view = memoryview(blocks[0])
    spans = heap.map().spans
    drawn = dict(re.findall(r'<rect class="([^"]+)"[^>]*><title>([\d,]+) bytes', bar_of(heap)))
    for kind in {span.kind for span in spans}:
        bytes_ = sum(span.end - span.start for span in spans if span.kind == kind)
        assert drawn.pop(kind.replace(" ", "-")) == f"{bytes_:,}"
    assert not drawn
    assert view.nbytes == 40


def test_a_child_forked_while_a_thread_imports_pictures_can_draw():
    run_python("""
        import importlib.abc, os, signal, sys, threading, time, rheap

        started = threading.Event()

        class Slow(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name == "rheap.pictures.svg" and not started.is_set():
                    started.set()
                    time.sleep(0.5)

        sys.meta_path.insert(0, Slow())
        heap = rheap.Heap(1000, debug=True)
        block = heap.alloc(10)
        drawing = threading.Thread(target=heap._repr_html_)
        drawing.start()
        started.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            for thing in (heap, block, heap.map(), heap.stats()):
                thing._repr_html_()
            os._exit(0)
        drawing.join()
        assert os.waitpid(child, 0)[1] == 0
    """)


def test_a_block_is_drawn_with_its_neighbours_and_a_frame(blocks):
    blocks[0].free()
    view = memoryview(blocks[1])
    html = blocks[1]._repr_html_()
    assert html.count(FOCUS) == 1
    for class_ in ("word", "pinned", "deferred", "live"):
        assert f'<rect class="{class_}"' in html
    assert "seen by 1 view" in html
    assert "next in its list" in html  # of the neighbour that was freed
    assert view.nbytes == 100


def test_a_debug_block_says_where_it_was_allocated():
    heap = rheap.Heap("1 MiB", debug=True)
    block = heap.alloc(8)
    assert f"allocated at {__file__}:" in block._repr_html_()


@pytest.mark.parametrize("index", [0, 1, 2])
def test_blocks_at_the_ends_of_a_full_region(index):
    heap = rheap.Heap(3 * 1008)
    blocks = [heap.alloc(1000) for _ in range(3)]
    assert FOCUS in blocks[index]._repr_html_()


def test_a_large_block_among_many(heap):
    kept = [heap.alloc(16) for _ in range(1000)]
    large = heap.alloc("512 KiB")
    html = large._repr_html_()
    assert html.count(FOCUS) >= 1
    assert len(html) < 100_000
    assert len(kept) == 1000


def test_what_is_freed_or_closed_says_so(heap, blocks):
    blocks[0].free()
    assert "freed" in blocks[0]._repr_html_()
    heap.close()
    assert "closed" in heap._repr_html_()
    assert "<svg" not in blocks[1]._repr_html_()


def test_what_is_damaged_says_so():
    heap = rheap.Heap("1 MiB")
    blocks = [heap.alloc(40), heap.alloc(40)]
    ctypes.memset(blocks[1].address - 8, 0x41, 8)
    assert "damaged at +0x" in heap._repr_html_()
    assert "<svg" not in blocks[0]._repr_html_()
