"""Two runs with one playhead."""

import pytest
from pages import blocks_on_page, figures_on_page, go_to, press, settle

from rheap.replay.measure import Scheme, capacity_for
from rheap.traces.exercises import make_trace, random_operations


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
