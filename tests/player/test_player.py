"""The page in a real browser: what it shows is what the heap did."""

import json
import re
import threading

import pytest
from support import TRACES, settle

import rheap
from rheap import _core
from rheap.replay.measure import Scheme, capacity_for, inspect
from rheap.traces import load
from rheap.traces.exercises import make_trace, random_operations

TRACE = TRACES / "parse_json.trace.gz"
SHORT = TRACES / "compute_decimal.trace.gz"
STATES = {"live": 0, "deferred": 1, "free": 2}  # as the page counts them


def blocks_on_page(page, moment, stage=0):
    """Of each block at a moment its offset, its capacity, its state."""
    rows = page.evaluate(f"rheapPlayer.stages[{stage}].blocksAt({moment})")
    return [(_core.FIRST_BLOCK + 8 + offset, size, state) for offset, size, state, _ in rows]


def rows_of(blocks):
    return [(info.offset, info.capacity, STATES[info.state.name.lower()]) for info in blocks]


def shown(page):
    """All that a reader sees of a moment."""
    texts = ["#figures", "[data-part=words]", "#list-rows", "#operation-number"]
    return [page.inner_text(text) for text in texts[:3]] + [page.input_value(texts[3])]


def press(page, key, times=1):
    page.evaluate(
        "([key, times]) => { for (let n = 0; n < times; ++n)"
        " document.dispatchEvent(new KeyboardEvent('keydown', { key })); }",
        [key, times],
    )
    settle(page)


def go_to(page, moment):
    page.fill("#operation-number", str(moment))
    page.dispatch_event("#operation-number", "change")
    settle(page)


def figures_on_page(page):
    rows = page.eval_on_selector_all(
        "#figures tr[data-figure]",
        "rows => rows.map(row => [row.dataset.figure, row.dataset.values])",
    )
    return {name: [float(value) for value in values.split()] for name, values in rows}


# --- what is shown is true --------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["segregated", "first", "next", "best", "worst"])
@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
def test_blocks_are_those_of_a_real_heap(open_page, policy, coalesce):
    words, capacity = random_operations(300, 5), 800
    page = open_page(
        "--random",
        300,
        "--seed",
        5,
        "--capacity",
        capacity,
        "--policy",
        policy,
        "--coalesce",
        coalesce,
    )
    heap = rheap.Heap(capacity, policy=policy, coalesce=coalesce)
    held = []
    for moment, word in enumerate(words, start=1):
        if word.startswith("+"):
            try:
                held.append(heap.alloc(int(word[1:])))
            except rheap.HeapExhausted:
                held.append(None)
        elif (block := held[int(word[1:])]) is not None:
            block.free()
        if moment % 23 == 0 or moment == len(words):
            assert blocks_on_page(page, moment) == rows_of(heap.blocks()), moment
    assert None in held


def test_blocks_of_a_program_are_those_of_its_replay(open_page):
    page = open_page(TRACE)
    trace = load(str(TRACE))
    inspection = Scheme("segregated", "deferred").inspect(trace, capacity_for(trace))
    for moment in (1, 5000, 12345, trace.peak_operation + 1, len(trace)):
        while inspection.position < moment:
            inspection.step()
        rows = inspection.rows()
        expected = [
            (offset, capacity, STATES[state.name.lower()])
            for offset, _, capacity, state, *_ in rows.read(0, 1, len(rows))
        ]
        assert blocks_on_page(page, moment) == expected


def test_the_figures_at_the_peak_are_those_of_replay(open_page):
    page = open_page(SHORT)
    trace = load(str(SHORT))
    placing = inspect(trace, Scheme("segregated", "deferred"), capacity_for(trace))
    page.click("#to-peak")
    settle(page)
    figures = figures_on_page(page)
    for name in ("largest_now", "largest_merged", "fragmentation", "fragmentation_merged"):
        assert figures[name] == [pytest.approx(getattr(placing.at_peak, name))], name
    told = page.inner_text("[data-part=told]")
    assert f"peak utilisation {placing.peak_utilisation:.1%}" in told
    assert f"({placing.ratio_to_ceiling:.1%} of the ceiling)" in told


def test_curves_and_figures_agree_at_each_moment(open_page):
    page = open_page("--random", 200, "--seed", 3, "--capacity", 1200)
    found = page.evaluate(
        """() => { const [run] = rheapPlayer.player.runs;
        return Array.from({ length: 201 }, (_, at) => {
          const { figures } = momentOf(run, at);
          return [figures.live_bytes + 8 * figures.live_blocks - run.live[at],
                  figures.largest_merged - (at ? run.largest[at] : figures.largest_merged)];
        }); }"""
    )
    assert found == [[0, 0]] * 201


def test_each_live_block_is_drawn_in_its_colour(open_page):
    page = open_page("--random", 60, "--seed", 1)
    wrong = page.evaluate(
        """() => { const [stage] = rheapPlayer.stages; const { run } = stage;
        const { width, height } = stage.picture;
        const copy = new OffscreenCanvas(width, height);
        const pen = copy.getContext("2d", { willReadFrequently: true });
        pen.drawImage(stage.picture, 0, 0);
        const scale = scaleOf(stage.picture, rheapPlayer.player.view);
        const wrong = [];
        for (let band = 0; band < run.count; ++band) {
          const box = boxOf(run, band, scale);
          const inside = [box.left + 2, box.top + 2];
          if (box.width < 5 || box.height < 14) continue;
          const colour = [...pen.getImageData(...inside.map(Math.round), 1, 1).data].slice(0, 3);
          const kind = ["live", "deferred", "free"][run.state[band]];
          const expected = channels(colourOf(kind));
          const share = kind === "free" ? 0.75 : 1; // the ground shows through
          const far = (value, at) => Math.abs(value - expected[at] * share) > 64;
          if (colour.some(far)) wrong.push([band, kind, colour]);
        }
        return wrong; }"""
    )
    assert wrong == []


# --- the playhead -----------------------------------------------------------------------------


def test_a_thousand_steps_on_and_back_end_where_they_began(open_page):
    page = open_page("--random", 2000, "--seed", 2)
    go_to(page, 500)
    before = shown(page), blocks_on_page(page, 500)
    press(page, "ArrowRight", 1000)
    assert page.input_value("#operation-number") == "1500"
    assert shown(page) != before[0]
    press(page, "ArrowLeft", 1000)
    assert (shown(page), blocks_on_page(page, 500)) == before


def test_jumps_and_playing(open_page):
    page = open_page("--random", 400, "--seed", 5, "--capacity", 800)
    refused = page.evaluate("rheapPlayer.player.first.refusals[0]")
    page.click("#to-refusal")
    settle(page)
    assert page.input_value("#operation-number") == str(refused + 1)
    assert "refused: no hole has room" in page.inner_text("[data-part=words]")
    page.click("#to-fragmented")
    settle(page)
    assert page.evaluate("rheapPlayer.player.moment") > 0
    press(page, "Home")
    assert page.input_value("#operation-number") == "0"
    page.select_option("#speed", "5000")
    press(page, " ")
    page.wait_for_selector("#end:disabled")  # it has come to the end
    assert page.inner_text("#play") == "Play"


@pytest.mark.parametrize(
    ("ops", "told"),
    [
        ("+24", "nothing deferred of that size; no hole is large enough"),
        (
            "+100,+16,-0,+60",
            "merges 1 deferred block; splits the hole at +0x5000 (112) into 72 + 40",
        ),
        ("+24,+24,-0,+24", "takes the block of that very size"),
        ("+24", "takes 32 bytes of the wilderness"),
        ("+24,-0", "wait, unmerged, for a request of their size"),
    ],
)
def test_an_operation_in_words(open_page, ops, told):
    page = open_page("--ops", ops)
    press(page, "End")
    assert told in page.inner_text("[data-part=words]")


@pytest.mark.parametrize(
    ("ops", "told"),
    [
        ("+120,+16,-0,+40", "splits the hole at +0x5000 (128) into 48 + 80"),
        ("+40,+16,-0,+40", "takes the whole hole at +0x5000 (48)"),
        ("+40,+40,+16,-0,-1", "merge with what is free before: a hole of 96 at +0x5000"),
        ("+40,-0", "48 bytes at +0x5000 join the wilderness"),
    ],
)
def test_an_operation_in_words_where_merging_is_immediate(open_page, ops, told):
    page = open_page("--ops", ops, "--coalesce", "immediate")
    press(page, "End")
    assert told in page.inner_text("[data-part=words]")


def test_a_policy_may_prefer_the_wilderness(open_page):
    page = open_page(
        "--ops", "+120,+16,-0,+40", "--policy", "worst", "--coalesce", "immediate",
        "--capacity", "1 KiB",
    )  # fmt: skip
    press(page, "End")
    assert "takes 48 bytes of the wilderness, at +0x5098; 1 hole would do" in page.inner_text(
        "[data-part=words]"
    )


def test_lists_are_shown_in_their_order(open_page):
    page = open_page("--ops", "+24,+24,+24,+100,-0,-2,-1")
    press(page, "End")
    members = page.eval_on_selector_all(
        "#list-rows .member", "all => all.map(each => each.textContent)"
    )
    assert members == ["+0x5020", "+0x5040", "+0x5000"]
    assert page.inner_text("#list-rows h3") == "deferred, 32"
    press(page, "ArrowLeft")
    assert page.inner_text("#list-rows ol").split() == ["+0x5040", "+0x5000"]


# --- blocks -----------------------------------------------------------------------------------


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


def test_both_runs_show_the_block_that_is_looked_at(open_page):
    page = open_page("--ops", "+40,+24,+40", "--policy", "best", "--policy", "worst")
    page.fill("#query", "1")
    page.press("#query", "Enter")
    settle(page)
    lit = page.evaluate(
        """() => rheapPlayer.stages.map(({ marks }) => {
          const copy = new OffscreenCanvas(marks.width, marks.height);
          const pen = copy.getContext("2d");
          pen.drawImage(marks, 0, 0);
          const { data } = pen.getImageData(0, 0, marks.width * 0.9, marks.height);
          return data.some((value) => value > 0);
        })"""
    )
    assert lit == [True, True]


def test_a_region_that_is_larger_than_memory(open_page, tmp_path):
    (tmp_path / "trace").write_text("a 1 42949672960\na 2 100\na 3 70000000000\nf 2\nf 1\n")
    page = open_page(tmp_path / "trace", "--capacity", "200 GiB")
    first = _core.FIRST_BLOCK + 8
    assert blocks_on_page(page, 4) == [
        (first, 42949672960, 0),
        (first + 42949672968, 104, 1),
        (first + 42949673080, 70000000000, 0),
    ]


def test_a_run_of_which_nothing_was_served(open_page, tmp_path):
    (tmp_path / "trace").write_text("a 1 5000\na 2 6000\nr 2 9000\nf 1\n")
    page = open_page(tmp_path / "trace", "--capacity", "104")
    page.click("#to-refusal")
    settle(page)
    assert "largest request is 96 B" in page.inner_text("[data-part=words]")
    press(page, "End")
    assert "its allocation was refused" in page.inner_text("[data-part=words]")
    assert blocks_on_page(page, 4) == []


# --- the view ---------------------------------------------------------------------------------


def test_wheel_drag_and_keys_move_the_view(open_page):
    page = open_page(SHORT)

    def view():
        return page.evaluate("({ ...rheapPlayer.player.view })")

    whole = view()
    box = page.locator("[data-part=marks]").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -600)
    settle(page)
    closer = view()
    assert closer["to"] - closer["from"] < (whole["to"] - whole["from"]) / 2
    assert closer["high"] == whole["high"]
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    settle(page)
    assert view()["from"] > closer["from"]
    press(page, "]", 3)
    assert view()["high"] - view()["low"] < whole["high"] / 2
    press(page, "0")
    assert view() == whole
    press(page, "+", 30)
    assert view()["to"] - view()["from"] == pytest.approx(4)


def test_two_fingers_zoom_in_both_directions(open_page):
    page = open_page("--random", 100, has_touch=True)
    box = page.locator("[data-part=marks]").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)

    def fingers(kind, apart):
        points = [{"x": middle[0] + side * apart, "y": middle[1], "id": side} for side in (0, 1)]
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [] if kind == "touchEnd" else points},
        )

    fingers("touchStart", 40)
    for apart in (60, 80, 120):
        fingers("touchMove", apart)
    fingers("touchEnd", 120)
    settle(page)
    view = page.evaluate("({ ...rheapPlayer.player.view })")
    assert view["to"] - view["from"] == pytest.approx(view["operations"] / 3, rel=0.1)
    assert view["high"] - view["low"] == pytest.approx(view["extent"] / 3, rel=0.1)


def test_little_motion_where_that_is_wished_for(open_page):
    page = open_page("--random", 300, reduced_motion="reduce")
    page.evaluate("window.moments = []; rheapPlayer.player.listen(['moment'],"
                  " () => moments.push(rheapPlayer.player.moment))")  # fmt: skip
    press(page, "Home")
    page.select_option("#speed", "5000")
    page.click("#play")
    page.wait_for_selector("#end:disabled")
    assert len(page.evaluate("moments")) <= 3  # twice a second


def test_it_says_what_was_summed_up(open_page):
    page = open_page(TRACE)
    page.wait_for_selector("text=mean of the blocks")
    press(page, "+", 12)
    page.wait_for_selector("text=each drawn")
    assert re.fullmatch(r"[\d,]+ blocks in view, each drawn\.", page.inner_text("[data-part=note]"))


def test_a_long_run_shows_a_picture_before_it_is_read(browser, make_page, tmp_path):
    lines = "".join(
        f"a {n} {8 + n * 37 % 300}\n" + (f"f {n - 40}\n" if n >= 40 else "") for n in range(60_000)
    )
    (tmp_path / "long").write_text(lines)
    path = make_page(tmp_path / "long")
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    page.add_init_script(
        """new MutationObserver(() => {
          if (document.body?.dataset.state !== "reading" || window.first) return;
          requestAnimationFrame(() => requestAnimationFrame(() => {
            const [stage] = rheapPlayer.stages;
            const { width, height } = stage.picture;
            const { data } = stage.picture.getContext("2d").getImageData(0, 0, width, height);
            window.first = { isRead: stage.run.isRead, painted: data.some((value) => value > 0) };
          }));
        }).observe(document, { attributes: true, subtree: true });"""
    )
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-state=ready]")
    assert page.evaluate("first.painted")
    assert page.evaluate("rheapPlayer.player.first.operations") == 119_960
    assert path.stat().st_size < 2_000_000
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1024, 768), (1920, 1080)])
def test_nothing_overflows(open_page, scheme, width, height):
    page = open_page(
        "--random", 80, "--policy", "best", "--policy", "worst",
        color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce",
    )  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") <= width


# --- two runs ---------------------------------------------------------------------------------


def test_two_policies_share_one_playhead(open_page):
    page = open_page(
        "--random",
        100,
        "--seed",
        3,
        "--policy",
        "best",
        "--policy",
        "worst",
        "--coalesce",
        "immediate",
    )
    go_to(page, 60)
    assert page.locator(".stage").count() == 2
    words = random_operations(100, 3)
    trace = make_trace("exercise", words)
    for stage, policy in enumerate(("best", "worst")):
        inspection = Scheme(policy, "immediate").inspect(trace, capacity_for(trace, least=256))
        for _ in range(60):
            inspection.step()
        region = inspection.region()
        figures = {name: values[stage] for name, values in figures_on_page(page).items()}
        for name in (
            "live_bytes",
            "live_blocks",
            "free_bytes",
            "wilderness_bytes",
            "largest_now",
            "fragmentation",
        ):
            assert figures[name] == pytest.approx(region[name]), name
    differences = page.eval_on_selector_all(
        "#figures tr[data-figure=free_bytes] td", "cells => cells.map(cell => cell.textContent)"
    )
    assert len(differences) == 3


def test_one_policy_on_two_traces(open_page, tmp_path):
    (tmp_path / "one").write_text("a 1 100\nf 1\n")
    (tmp_path / "two").write_text("a 1 50\na 2 50\na 3 50\nf 1\n")
    page = open_page(tmp_path / "one", tmp_path / "two")
    titles = page.eval_on_selector_all(".stage h2", "all => all.map(each => each.textContent)")
    assert [title.split(":")[0].rsplit("/")[-1] for title in titles] == ["one", "two"]
    press(page, "End")
    assert page.input_value("#operation-number") == "4"
    assert [len(blocks_on_page(page, 4, stage)) for stage in (0, 1)] == [1, 3]
    page.select_option("#below", "")
    settle(page)
    assert page.locator(".stage").count() == 1


# --- questions --------------------------------------------------------------------------------


def test_questions_are_answered_and_counted(open_page):
    page = open_page("--ops", "+40,+16,-0,+40,+5000", "--capacity", "400")
    page.check("#ask")
    assert "Operation 1 asks for 40 bytes" in page.inner_text("#ask-words")
    assert page.evaluate("rheapPlayer.player.moment") == 0
    page.click("#ask-choices >> text=it is refused")
    assert page.inner_text("#ask-words").startswith("No, not refused: nothing deferred")
    assert page.inner_text("#ask-score") == "0 of 1 right"
    page.click("#ask-next")
    page.click("#ask-choices >> text=the wilderness")
    assert page.inner_text("#ask-words").startswith("Right: ")
    page.click("#ask-next")
    assert page.evaluate("rheapPlayer.player.moment") == 3  # behind the free
    settle(page)
    page.locator("[data-part=map]").click(position={"x": 120, "y": 10})  # the freed block
    assert "takes the block of that very size" in page.inner_text("#ask-words")
    assert page.inner_text("#ask-score") == "2 of 3 right"
    page.click("#ask-next")
    page.click("#ask-choices >> text=it is refused")
    assert page.inner_text("#ask-words").startswith("Right: refused")
    page.click("#ask-next")
    assert page.inner_text("#ask-words") == "There is no allocation left."
    page.uncheck("#ask")
    assert page.locator("#asking").is_hidden()


def test_a_question_hides_what_comes(open_page):
    page = open_page("--random", 40)
    page.check("#ask")
    settle(page)
    box = page.locator("[data-part=marks]").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5)
    settle(page)
    assert page.inner_text("#story-title") == "A block's story"
    assert page.locator("#finding").is_hidden()


def test_a_question_is_answered_in_the_picture(open_page):
    page = open_page("--ops", "+40,+16,+40", "--capacity", "400")
    page.check("#ask")
    settle(page)
    height = page.locator("[data-part=marks]").bounding_box()["height"]
    page.locator("[data-part=marks]").click(position={"x": 30, "y": height / 2})
    assert page.inner_text("#ask-words").startswith("Right: ")
    page.click("#ask-next")
    page.locator("[data-part=marks]").click(position={"x": 30, "y": height - 5})
    assert page.inner_text("#ask-words").startswith("No, not the live block at +0x5000")


def test_a_question_is_answered_by_keys(open_page):
    page = open_page("--ops", "+40,+16", "--capacity", "400")
    page.focus("#ask")
    page.keyboard.press("Space")
    page.keyboard.press("1")  # the wilderness
    assert page.inner_text("#ask-words").startswith("Right: ")
    page.keyboard.press("Enter")  # the next one
    assert "Operation 2 asks for 16 bytes" in page.inner_text("#ask-words")
    page.keyboard.press("2")
    assert page.inner_text("#ask-score") == "1 of 2 right"


# --- threads and sites ------------------------------------------------------------------------


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
        assert ("thread 0" if coloured == "thread" else "test_player.py:") in page.inner_text(
            "#legend"
        )
    page.fill("#query", "test_player.py")
    page.press("#query", "Enter")
    assert page.inner_text("#found-count") == "4 blocks"
    settle(page)
    assert f"{__file__}:" in page.inner_text("#story-rows")


# --- names ------------------------------------------------------------------------------------


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
