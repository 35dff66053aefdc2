"""Looking at blocks: by pointing, by searching, by colours."""

import json
import threading

import pytest
from pages import settle

import rheap
from rheap.traces import load


def test_a_blocks_story(open_page, tmp_path):
    (tmp_path / "trace").write_text("a 7 40\na 8 24\nr 7 50\nr 7 200\nf 7\n")
    page = open_page(tmp_path / "trace")
    page.fill("#query", "0")
    page.press("#query", "Enter")
    settle(page)
    story = page.inner_text("#story-rows")
    for part in (
        "operation 1",
        "40 bytes",
        "48 bytes with its word, at +0x5000",
        "operation 3, to 50 bytes",
        "operation 4, to 200 bytes",
        "operation 5, after 4 operations",
    ):
        assert part in story, part  # fmt: skip
    page.click("#story-show")
    settle(page)
    assert page.evaluate("rheapPlayer.player.view.high") > 250


def test_the_story_of_a_block_that_moves(open_page, tmp_path):
    (tmp_path / "trace").write_text("# rheap 2\na 24\na 40\na 24\nf 3\nc\nr 2 200\nf 1\nc\nf 2\n")
    page = open_page(tmp_path / "trace", "--coalesce", "immediate")
    page.fill("#query", "1")
    page.press("#query", "Enter")
    settle(page)
    story = page.inner_text("#story-rows").split("\n")
    assert [story[at : at + 2] for at, row in enumerate(story) if row in ("moved", "resized")] == [
        ["moved", "operation 5, from +0x5020 to +0x5000"],
        ["resized", "operation 6, to 200 bytes, moved to +0x5050"],
        ["moved", "operation 8, from +0x5050 to +0x5000"],
    ]
    drawn = page.evaluate("rheapPlayer.stages[0].blocksAt(8)")
    assert drawn == [[0x0, 200, 0, 200]]
    for coloured in ("age", "size"):
        page.select_option("#coloured", coloured)
        settle(page)


def test_search(open_page):
    page = open_page("--ops", "+10,+5000,+20,+7000", "--capacity", "1 MiB")
    for query, found in (
        ("> 4096", "2 blocks"),
        ("=20", "1 block"),
        ("3", "1 block"),
        ("<1", "0 blocks"),
    ):
        page.fill("#query", query)
        page.press("#query", "Enter")
        assert page.inner_text("#found-count") == found
    page.fill("#query", "nothing at all")
    page.press("#query", "Enter")
    assert "Search for a number" in page.inner_text("#found-count")


def test_pointing_at_a_band_tells_of_its_block(open_page):
    page = open_page("--ops", "+100,+100,+100")
    box = page.locator("[data-part=marks]").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 10)
    settle(page)
    assert page.inner_text("#story-title") == "Block 0"
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 10)
    settle(page)
    assert page.input_value("#operation-number") == "2"
    assert page.evaluate("rheapPlayer.player.selected.number") == 0


def test_pointing_at_a_hole_tells_whose_it_was(open_page):
    page = open_page("--ops", "+100,+16,-0,+100")
    box = page.locator("[data-part=marks]").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 5 / 8, box["y"] + box["height"] - 20)
    settle(page)
    assert page.inner_text("#story-title") == "A hole at +0x5000"
    story = page.inner_text("#story-rows")
    assert "112 bytes with its word" in story
    assert "operation 3: f 0" in story and "operation 4: a 2: 100 bytes" in story
    page.click("#story-show")
    settle(page)
    assert page.evaluate("rheapPlayer.player.view.from") == 0


@pytest.mark.parametrize("coloured", ["state", "size", "age"])
def test_colours_have_a_legend(open_page, coloured):
    page = open_page("--random", 50)
    page.select_option("#coloured", coloured)
    settle(page)
    names = page.inner_text("#legend")
    assert ("up to" in names) == (coloured != "state")


def test_threads_and_sites_are_colours_and_found(open_page, tmp_path):
    with rheap.Heap("1 MiB", debug=True) as heap:
        with heap.record(tmp_path / "own.trace", sites=True):
            kept = [heap.alloc(40) for _ in range(3)]
            other = threading.Thread(target=lambda: kept.append(heap.alloc(100)))
            other.start()
            other.join()
        kept.clear()
    page = open_page(tmp_path / "own.trace")
    for coloured in ("thread", "site"):
        page.select_option("#coloured", coloured)
        settle(page)
        assert ("thread 0" if coloured == "thread" else "test_looking.py:") in page.inner_text(
            "#legend"
        )
    page.fill("#query", "test_looking.py")
    page.press("#query", "Enter")
    assert page.inner_text("#found-count") == "4 blocks"
    settle(page)
    assert f"{__file__}:" in page.inner_text("#story-rows")


@pytest.mark.parametrize(
    "name", ["</script><img src=x onerror=alert(1)>", "a\nb\x1b[31m", "\u202eevil & 'co'"]
)
def test_names_are_text(open_page, tmp_path, name):
    path = tmp_path / name.replace("/", "\u2215")
    path.write_text("a 1 10\nf 1\n")
    page = open_page(path)
    source = load(str(path)).source
    assert json.loads(
        page.evaluate("JSON.stringify([document.title, rheapPlayer.traces[0].name])")
    ) == [source, source]
    assert page.text_content("#title") == source
    assert page.locator("img").count() == 0
