"""The map as SVG, for files and notebooks."""

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from support import GOLDEN, TOP, plain_build_only

import rheap
from rheap.pictures.palette import LEGEND
from rheap.pictures.svg import WHOLE_WIDTH, legend, map_svg

PICTURE = GOLDEN / "heap.svg"
GUIDE = (TOP / "python" / "README.md").read_text()
SVG = "{http://www.w3.org/2000/svg}"
TOLD = re.compile(
    r"\+0x([0-9a-f]+): (?:([\d,]+) bytes asked for, )?([\d,]+) reserved, "
    r"(live|pinned|exposed|lingering|deferred|free)(?:, seen by (\d+) views?)?"
    r"(?:, exposed, waiting for the last reference)?(?:, allocated at (.*))?",
    re.DOTALL,
)
STRANGE = [
    "<script>alert(1)</script>",
    'a"b',
    "a\nb",
    "caf\udce9",
    "a&b",
    "\x1b[31m\x00\x7f",
    "\u202eevil\u2028",
    "\N{SNOWMAN}",
]


def root_of(svg):
    return ElementTree.fromstring(svg)


def tooltips(svg):
    return [title.text for title in root_of(svg).iter(f"{SVG}title")]


def number(text):
    return int(text.replace(",", ""))


def told_blocks(svg):
    """Of each block that has a shape of its own what its tooltip says, in order, once."""
    seen = {}
    for tip in tooltips(svg):
        if found := TOLD.fullmatch(tip):
            offset, size, capacity, state, holders, site = found.groups()
            size = size or capacity
            seen[offset] = (
                int(offset, 16), number(size), number(capacity), state, int(holders or 0), site
            )  # fmt: skip
    return sorted(seen.values())


def heap_and_blocks(debug=False):
    heap = rheap.Heap(2000, debug=debug)
    blocks = [heap.alloc(size) for size in (40, 100, 24, 56, 72)]
    blocks.pop(1).free()
    heap.defrag()
    blocks.pop().free()
    return heap, [*blocks, blocks[0].view()]


def test_the_picture_in_the_readme_is_what_its_code_draws(tmp_path):
    (code,) = re.findall(r"```python\n(import rheap\n(?:(?!```).)*heap\.svg.*?)```", GUIDE, re.S)
    drawn = tmp_path / "heap.svg"
    exec(code.replace('"heap.svg"', repr(str(drawn))), {})
    assert drawn.read_text() == PICTURE.read_text()
    assert "tests/golden/heap.svg" in GUIDE


@pytest.mark.parametrize("debug", [False, True])
def test_the_picture_parsed_back_is_the_blocks(debug):
    heap, kept = heap_and_blocks(debug)
    told = told_blocks(map_svg(heap.map()))
    assert told == [
        (info.offset, info.size, info.capacity, info.state, info.holders, info.site)
        for info in heap.blocks()
    ]
    assert {site is not None for *_, site in told if _[3] in ("live", "pinned")} == {debug}
    assert kept


@pytest.mark.parametrize("debug", [False, True])
def test_each_kind_is_drawn_and_named(debug):
    heap, kept = heap_and_blocks(debug)
    root = root_of(map_svg(heap.map()))
    drawn = {shape.get("class") for shape in root.iter(f"{SVG}rect")}
    assert drawn >= {"word", "live", "pinned", "deferred", "free", "wilderness"}
    assert ("fence" in drawn) == debug
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts.count("| word") == texts.count("P pinned") == 1
    assert texts.count("|") == len(list(heap.blocks()))
    assert kept


def test_shapes_lie_where_the_bytes_are():
    heap, kept = heap_and_blocks()
    root = root_of(map_svg(heap.map()))
    widths = dict.fromkeys(("word", "live", "pinned", "deferred", "free"), 0.0)
    for shape in root.iter(f"{SVG}rect"):
        if shape.find(f"{SVG}title") is not None and shape.get("class") in widths:
            widths[shape.get("class")] += float(shape.get("width")) + 0.75
    stats = heap.stats()
    assert widths["word"] / 4 == pytest.approx(stats.overhead_bytes)
    assert widths["pinned"] / 4 == pytest.approx(stats.pinned_bytes)
    assert (widths["live"] + widths["pinned"]) / 4 == pytest.approx(stats.live_bytes)
    assert (widths["deferred"] + widths["free"]) / 4 == pytest.approx(stats.free_bytes)
    assert kept


def test_a_part_shows_links_and_footers():
    heap, kept = heap_and_blocks()
    root = root_of(map_svg(heap.map(length=500)))
    labels = [text.text for text in root.iter(f"{SVG}text") if "label" in text.get("class", "")]
    assert sorted(labels) == ["next", "next", "prev", "size"]
    tips = [title.text for title in root.iter(f"{SVG}title")]
    assert any(tip.endswith("size of the free block that ends here: 112 bytes") for tip in tips)
    assert "label" not in re.sub("<style>.*</style>", "", map_svg(heap.map()))
    far = rheap.Heap("1 MiB")
    kept += [far.alloc("512 KiB"), far.alloc(4000), far.alloc(8)]
    kept[-2].free()  # words of 8 bytes are narrower than their labels
    far.defrag()
    assert 'class="cell"' not in map_svg(far.map(length="600 KiB"))


def test_the_figures_are_those_of_the_heap():
    heap, kept = heap_and_blocks()
    drawn = map_svg(heap.map())
    assert all(
        f"{figure}<" in drawn or f"{figure}, " in drawn or f"{figure},<" in drawn
        for figure in heap.map().figures.split(", ")
    )
    assert f"{heap.stats().fragmentation:.1%}" in map_svg(heap.map(length=64))
    assert kept


@pytest.mark.parametrize("name", STRANGE)
def test_names_are_text(name, tmp_path):
    heap = rheap.Heap("1 MiB", debug=True)
    names = {"heap": heap, "kept": []}
    exec(compile("kept.append(heap.alloc(8))", name.replace("\0", ""), "exec"), names)
    heap.map().save(tmp_path / "heap.svg")
    for svg in ((tmp_path / "heap.svg").read_text(), map_svg(heap.map())):
        assert "<script>" not in svg
        ((*_, site),) = told_blocks(svg)
        (info,) = heap.blocks()
        assert site == info.site
        assert site.isprintable()
    for thing in (heap, names["kept"][0]):
        assert "<script>" not in thing._repr_html_()
        ElementTree.fromstring(thing._repr_html_().replace("<br>", ""))


def test_crowds_show_the_share_of_each_kind():
    heap = rheap.Heap("16 MiB")
    blocks = [heap.alloc(24) for _ in range(20_000)]
    del blocks[::2]
    svg = map_svg(heap.map())
    assert len(svg) < 1_000_000
    live = sum(number(n) for tip in tooltips(svg) for n in re.findall(r"([\d,]+) live", tip))
    assert live == len(blocks)
    heights = dict.fromkeys(("word", "live", "deferred"), 0.0)
    for path in root_of(svg).iter(f"{SVG}path"):
        heights[path.get("class")] += float(re.search(r"v([\d.]+)h", path.get("d"))[1])
    assert heights["live"] == pytest.approx(heights["deferred"], rel=0.05)
    assert heights["live"] == pytest.approx(1.5 * heights["word"], rel=0.05)


def test_a_lone_small_block_is_seen():
    heap = rheap.Heap("64 MiB")
    blocks = [heap.alloc("10 MiB"), heap.alloc(16), heap.alloc("10 MiB")]
    view = blocks[1].view()
    (drawn,) = [
        path for path in root_of(map_svg(heap.map())).iter(f"{SVG}path")
        if path.get("class") == "pinned"
    ]  # fmt: skip
    width, height = re.search(r"h([\d.]+)v([\d.]+)h", drawn.get("d")).groups()
    assert float(width) >= 1.5
    assert float(height) > 5
    assert view.nbytes == 16
    shapes = list(root_of(map_svg(heap.map())))
    (crowd,) = [n for n, shape in enumerate(shapes) if list(shape.iter(f"{SVG}path"))][-1:]
    assert shapes[crowd + 1].tag == f"{SVG}text"  # nothing of its row covers it


def test_one_block_in_a_crowd_is_seen():
    heap = rheap.Heap("64 MiB")
    blocks = [heap.alloc(200) for _ in range(100_000)]
    view = blocks[50_000].view()
    (drawn,) = [
        path for path in root_of(map_svg(heap.map())).iter(f"{SVG}path")
        if path.get("class") == "pinned"
    ]  # fmt: skip
    assert float(re.search(r"v([\d.]+)h", drawn.get("d"))[1]) > 1
    assert view.nbytes == 200


@plain_build_only
@pytest.mark.parametrize("size", [0, "20 GiB", "64 GiB"])
def test_an_empty_and_a_huge_heap(size):
    heap = rheap.Heap("64 GiB")
    block = heap.alloc(heap.stats().largest_merged if size == "64 GiB" else size) if size else None
    svg = map_svg(heap.map())
    assert len(svg) < 10_000
    assert all(float(shape.get("width")) > 0 for shape in root_of(svg).iter(f"{SVG}rect"))
    if size != "64 GiB":
        assert any(tip.startswith("wilderness") for tip in tooltips(svg))
    assert block is None or not block.freed


def test_a_wilderness_that_is_cut_off_tells_all_of_it():
    heap = rheap.Heap("1 MiB")
    block = heap.alloc(64)
    whole = heap.stats().wilderness_bytes
    assert f"wilderness, {whole:,} bytes in all" in tooltips(map_svg(heap.map()))
    assert block.size == 64


def test_a_legend_of_all_kinds_has_room():
    texts = re.findall(r'<text x="(\d+)" y="0">([^<]+)', "".join(legend(list(LEGEND), 0)))
    assert len(texts) == len(LEGEND)
    assert max(int(x) + 7.3 * len(text) for x, text in texts) <= WHOLE_WIDTH


def test_a_full_heap():
    heap = rheap.Heap(1024)
    block = heap.alloc(1016)
    drawn = root_of(map_svg(heap.map())).iter(f"{SVG}rect")
    assert {shape.get("class") for shape in drawn} == {"word", "live"}
    assert block.size == 1016


@pytest.mark.parametrize("path", ["heap.png", "heap", "heap.svg.txt"])
def test_only_svg_is_saved(path, tmp_path):
    with pytest.raises(ValueError, match="saved as"):
        rheap.Heap(1000).map().save(tmp_path / path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", [str, Path, os.fsencode])
def test_any_path_is_a_path(make, tmp_path):
    path = tmp_path / "caf\udce9.SVG"
    heap = rheap.Heap(1000)
    heap.map().save(make(path))
    assert path.read_text() == map_svg(heap.map(), standalone=True)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        rheap.Heap(1000).map().save(tmp_path / "nowhere" / "heap.svg")


def test_rules_of_style_reach_nothing_else():
    heap, kept = heap_and_blocks()
    (style,) = re.findall("<style>(.*?)</style>", map_svg(heap.map(), standalone=True))
    selectors = re.findall(r"(?:^|[{}])([^{}@]+){", style)
    assert len(selectors) > 10
    assert all(selector.startswith((".rheap ", "svg.rheap")) for selector in selectors)
    assert kept
