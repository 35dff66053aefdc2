"""Pictures for files and notebooks: the map as SVG, and the byte view of a part of it."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from support import plain_build_only

import rheap
from rheap.palette import COLOURS
from rheap.svg import map_svg

GOLDEN = Path(__file__).parent / "golden" / "heap.svg"
README = (Path(__file__).parent.parent / "README.md").read_text()
SVG = "{http://www.w3.org/2000/svg}"


def shapes(svg):
    """(kind, width, tooltip) of each rectangle that stands for bytes."""
    root = ElementTree.fromstring(svg)
    return [
        (rect.get("class"), float(rect.get("width")), rect.find(f"{SVG}title").text)
        for rect in root.iter(f"{SVG}rect")
        if rect.find(f"{SVG}title") is not None
    ]


def heap_and_blocks(debug=False):
    heap = rheap.Heap(2000, debug=debug)
    blocks = [heap.alloc(size) for size in (40, 100, 24, 56, 72)]
    blocks.pop(1).free()
    heap.defrag()
    blocks.pop().free()
    return heap, [*blocks, memoryview(blocks[0])]


def test_the_picture_in_the_readme_is_what_its_code_draws(tmp_path):
    (code,) = re.findall(r"```python\n(import rheap\n(?:(?!```).)*heap\.svg.*?)```", README, re.S)
    drawn = tmp_path / "heap.svg"
    exec(code.replace('"heap.svg"', repr(str(drawn))), {})
    assert drawn.read_text() == GOLDEN.read_text()
    assert "tests/golden/heap.svg" in README


@pytest.mark.parametrize("debug", [False, True])
def test_each_block_is_drawn_with_what_is_known_of_it(debug):
    heap, kept = heap_and_blocks(debug)
    drawn = shapes(map_svg(heap.map()))
    told = [tip for _, _, tip in drawn if tip.startswith("+0x")]
    for info in heap.blocks():
        assert any(tip.startswith(f"+0x{info.offset:x}: ") for tip in told)
    assert {kind for kind, _, _ in drawn} >= {"word", "live", "pinned", "deferred", "free"}
    assert ("fence" in {kind for kind, _, _ in drawn}) == debug
    assert any("allocated at" in tip for tip in told) == debug
    assert any("held by 1 at the least" in tip for tip in told)
    assert kept


def test_the_figures_are_those_of_the_heap():
    heap, kept = heap_and_blocks()
    assert heap.map().figures in map_svg(heap.map())
    assert heap.map(length=64).figures == heap.map().figures
    assert f"{heap.stats().fragmentation:.1%}" in map_svg(heap.map())
    assert kept


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a"b', "a\nb", "caf\udce9", "a&b"])
def test_names_are_text(name, tmp_path):
    heap = rheap.Heap("1 MiB", debug=True)
    names = {"heap": heap, "kept": []}
    exec(compile("kept.append(heap.alloc(8))", name, "exec"), names)
    heap.map().save(tmp_path / "heap.svg")
    text = (tmp_path / "heap.svg").read_text()
    assert "<script>" not in text + heap._repr_html_()
    ElementTree.fromstring(text)


def test_what_is_narrower_than_a_pixel_is_drawn_with_its_neighbours():
    heap = rheap.Heap("16 MiB")
    blocks = [heap.alloc(24) for _ in range(20_000)]
    del blocks[::2]
    svg = map_svg(heap.map())
    assert len(svg) < 1_000_000
    tips = [tip for _, _, tip in shapes(svg)]
    live = sum(int(n.replace(",", "")) for tip in tips for n in re.findall(r"([\d,]+) live", tip))
    assert live == len(blocks)


@plain_build_only
@pytest.mark.parametrize("size", [0, "64 GiB"])
def test_an_empty_and_a_huge_heap(size):
    heap = rheap.Heap("64 GiB")
    block = heap.alloc("20 GiB") if size else None
    svg = map_svg(heap.map())
    assert len(svg) < 10_000
    assert all(width > 0 for _, width, _ in shapes(svg))
    assert block is None or not block.freed


def test_a_full_heap():
    heap = rheap.Heap(1024)
    block = heap.alloc(1016)
    assert {kind for kind, _, _ in shapes(map_svg(heap.map()))} == {"word", "live"}
    assert block.size == 1016


def test_notebooks_get_html():
    heap, kept = heap_and_blocks()
    for thing in (heap, heap.map(), heap.stats(), kept[0]):
        assert thing._repr_html_().startswith("<")
    kept[1].free()
    assert "freed" in kept[1]._repr_html_()
    heap.close()
    assert "closed" in heap._repr_html_()


def test_colours_differ_in_lightness_too():
    def lightness(colour):
        red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    assert len(set(COLOURS.values())) == len(COLOURS)
    assert lightness(COLOURS["free"]) > 3 * lightness(COLOURS["live"])
    assert lightness(COLOURS["deferred"]) > 2 * lightness(COLOURS["live"])


@pytest.mark.parametrize("path", ["heap.png", "heap", "heap.svg.txt"])
def test_only_svg_is_saved(path, tmp_path):
    with pytest.raises(ValueError, match="saved as"):
        rheap.Heap(1000).map().save(tmp_path / path)
    assert not list(tmp_path.iterdir())


# --- the closest look -----------------------------------------------------------------------------


def test_zoom_shows_words_links_and_footers():
    heap, kept = heap_and_blocks()
    first = next(heap.blocks())
    text = heap.map(first.offset, 240).draw(200)
    assert text.splitlines()[0].startswith("+0x4ff8")
    assert "payload 5 x 8 bytes, state 00 live, bit 0 0: the block before is not free" in text
    assert "state 10 free" in text
    assert "footer: a free block of 112 bytes ends here" in text
    assert "the block before is free" in text
    assert kept


def test_zoomed_words_say_what_the_blocks_are():
    heap, kept = heap_and_blocks()
    text = heap.map(length=500).draw(200)
    sizes = [int(n) * 8 for n in re.findall(r"payload (\d+) x 8 bytes, state", text)]
    assert sizes == [info.capacity for info in heap.blocks()]
    assert kept


def test_links_of_listed_blocks():
    heap = rheap.Heap(4000, coalesce="immediate")
    blocks = [heap.alloc(100) for _ in range(7)]
    offsets = [blocks[at].offset - 8 for at in (1, 3, 5)]
    for at in (1, 3, 5):
        blocks[at].free()
    taken = heap.alloc(20)  # what is left of its hole is the victim, in no list
    text = heap.map(length=512).draw(200)
    links = set(re.findall(r"list: (\+0x[0-9a-f]+)", text))
    assert links <= {f"+0x{offset:x}" for offset in offsets}
    assert re.search(r"tagged by its lowest bit: (none|\+0x)", text)
    assert taken.size == 20


@pytest.mark.parametrize("width", [20, 400])
def test_zoom_keeps_to_the_width(width):
    heap, kept = heap_and_blocks()
    for picture in (heap.map(length=300), heap.map(length=1500), heap.map()):
        assert max(map(len, picture.draw(width).splitlines())) <= width
    assert kept


@pytest.mark.parametrize(("offset", "length"), [(0, 10), (1 << 30, 10), (0x5000, 0), (-8, 8)])
def test_a_part_outside_the_region_is_refused(offset, length):
    with pytest.raises(ValueError):
        rheap.Heap(1000).map(offset, length)


def test_parts_of_a_map_are_the_map():
    heap, kept = heap_and_blocks()
    whole = heap.map()
    part = heap.map(0x5010, "40 B")
    assert (part.spans[0].start, part.spans[-1].end) == (0x5010, 0x5038)
    assert {span.kind for span in part.spans} == {"pinned", "word", "free"}
    assert heap.map(whole.spans[0].start).spans == whole.spans
    assert kept


def test_rich_paints_the_map():
    text = pytest.importorskip("rich.text")
    heap, kept = heap_and_blocks()
    painted = heap.map().__rich__()
    assert isinstance(painted, text.Text)
    assert painted.plain == str(heap.map())
    assert kept
