"""What the page shows is what the heap did: blocks, figures, colours."""

import pytest
from pages import (
    SHORT,
    STATES,
    TRACE,
    blocks_on_page,
    figures_on_page,
    go_to,
    press,
    rows_of,
    settle,
)
from trace_text import moving

import rheap
from rheap import _core
from rheap.replay.measure import Scheme, capacity_for, inspect
from rheap.traces import load
from rheap.traces.exercises import random_operations


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
    heap = rheap.Heap(capacity, policy=policy, coalesce=coalesce, auto_compact=False)
    held = []
    for moment, word in enumerate(words, start=1):
        follow(heap, held, word)
        if moment % 23 == 0 or moment == len(words):
            assert blocks_on_page(page, moment) == rows_of(heap.blocks()), moment
    assert None in held


def follow(heap, held, word):
    """Does to a heap what a word of an exercise says."""
    if word == "c":
        heap.compact()
    elif word.startswith("+"):
        try:
            held.append(heap.alloc(int(word[1:])))
        except rheap.HeapExhausted:
            held.append(None)
    elif (block := held[int(word[1:])]) is not None:
        block.free()


@pytest.mark.parametrize("policy", ["segregated", "first", "next", "best", "worst"])
@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
def test_blocks_that_move_are_those_of_a_real_heap(open_page, policy, coalesce):
    words, capacity = moving(random_operations(300, 5)), 800
    page = open_page("--ops", ",".join(words), "--capacity", capacity, "--policy", policy,
                     "--coalesce", coalesce)  # fmt: skip
    heap = rheap.Heap(capacity, policy=policy, coalesce=coalesce, auto_compact=False)
    held, drawn = [], page.evaluate(
        f"Array.from({{ length: {len(words) + 1} }}, (_, at) => rheapPlayer.stages[0].blocksAt(at))"
    )  # fmt: skip
    owners = owners_on_page(page, len(words))
    for moment, word in enumerate(words, start=1):
        follow(heap, held, word)
        blocks = heap.blocks()
        rows = [(_core.FIRST_BLOCK + 8 + row[0], row[1], row[2]) for row in drawn[moment]]
        assert rows == rows_of(blocks), moment
        asked = [row[3] for row in drawn[moment] if row[2] == STATES["live"]]
        assert asked == [info.size for info in blocks if info.state.is_live], moment
        places = {
            block.offset: number
            for number, block in enumerate(held)
            if block is not None and not block.freed
        }
        assert owners[moment] == [number for _, number in sorted(places.items())], moment
    assert None in held
    assert page.evaluate("Math.max(...rheapPlayer.player.first.following)") > 0  # some moved


def owners_on_page(page, operations):
    """At each moment the numbers of the live blocks' allocations, in address order."""
    return page.evaluate(
        """(operations) => { const { first: run } = rheapPlayer.player;
        return Array.from({ length: operations + 1 }, (_, at) =>
          Array.from(run.bandsAt(at)).filter((band) => run.state[band] === LIVE)
            .map((band) => run.owner[band])); }""",
        operations,
    )


def test_a_recorded_heap_is_drawn_as_it_was(open_page, tmp_path):
    heap = rheap.Heap("256 KiB", coalesce="deferred", auto_compact=False)
    seen = []
    with heap.record(tmp_path / "own.trace"):
        blocks = [heap.alloc(size % 700) for size in range(31, 6000, 31)]
        for kept in (3, 5, 2):
            del blocks[::kept]
            heap.compact(max_bytes=3000)
            seen.append(rows_of(heap.blocks()))
        heap.compact()
        seen.append(rows_of(heap.blocks()))
    page = open_page(tmp_path / "own.trace", "--capacity", "256 KiB")
    moments = page.evaluate(
        """() => { const { kinds } = rheapPlayer.player.first.trace;
        return Array.from(kinds.keys()).filter((at) => kinds[at] === COMPACT); }"""
    )
    assert [blocks_on_page(page, at + 1) for at in moments] == seen


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
    words = moving(random_operations(200, 3))
    page = open_page("--ops", ",".join(words), "--capacity", 1200)
    found = page.evaluate(
        """() => { const [run] = rheapPlayer.player.runs;
        return Array.from({ length: run.operations + 1 }, (_, at) => {
          const { figures } = momentOf(run, at);
          return [figures.live_bytes + 8 * figures.live_blocks - run.live[at],
                  figures.largest_merged - (at ? run.largest[at] : figures.largest_merged)];
        }); }"""
    )
    assert found == [[0, 0]] * (len(words) + 1)


def test_each_live_block_is_drawn_in_its_colour(open_page):
    page = open_page("--random", 60, "--seed", 1)
    wrong = page.evaluate(
        """() => { const [stage] = rheapPlayer.stages; const { run } = stage;
        const { width, height } = stage.picture;
        const copy = new OffscreenCanvas(width, height);
        const pen = copy.getContext("2d", { willReadFrequently: true });
        pen.drawImage(stage.picture, 0, 0);
        const scale = scaleOf(stage.picture, rheapPlayer.player.view, run.operations);
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


def test_who_asked_for_what_is_live_is_what_the_trace_says(open_page, tmp_path):
    with rheap.Heap("1 MiB") as heap, heap.record(tmp_path / "own.trace", sites=True):
        kept = [heap.alloc(100) for _ in range(5)]
        kept += [heap.alloc(300)]
        kept[0].resize(2000)
        del kept[1:3]
    trace = load(str(tmp_path / "own.trace"))
    page = open_page(tmp_path / "own.trace")
    for moment in (0, 3, 7, len(trace)):
        go_to(page, moment)
        found = page.evaluate(
            f"""sharesAt(rheapPlayer.player.first, {moment})
                .map(share => [share.name, share.bytes, share.blocks])"""
        )
        expected = [[trace.site_names[at], *rest] for at, *rest in trace.shares_after(moment)]
        assert sorted(found) == sorted(expected)
        assert page.locator("#shares tr").count() == len(expected)
