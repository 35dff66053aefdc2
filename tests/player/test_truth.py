"""What the page shows is what the heap did: blocks, figures, colours."""

import pytest
from pages import SHORT, STATES, TRACE, blocks_on_page, figures_on_page, press, rows_of, settle

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
