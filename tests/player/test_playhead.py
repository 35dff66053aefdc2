"""The playhead: steps, jumps, playing; the operation in words, and the free lists."""

import pytest
from pages import blocks_on_page, go_to, press, settle, shown


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
        ("+24,c", "no block moved; the free bytes are one hole now"),
        ("+24,+24,+40,-0,c", "2 blocks slid down, 80 bytes; the free bytes are one hole now"),
    ],
)
def test_an_operation_in_words(open_page, ops, told):
    page = open_page("--ops", ops, "--coalesce", "deferred")
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


def test_a_bounded_compaction_in_words(open_page, tmp_path):
    (tmp_path / "trace").write_text("# rheap 2\na 24\na 24\na 40\nf 3\nc 40\nc 48\nc 48\n")
    page = open_page(tmp_path / "trace", "--capacity", 112)
    told = []
    for moment in (5, 6, 7):
        go_to(page, moment)
        told.append(page.inner_text("[data-part=words]"))
    assert "1 block slid down, 32 bytes; 1 hole left below the wilderness" in told[0]
    assert "c: at most 40 bytes" in told[0]
    assert "1 block slid down, 48 bytes; the free bytes are one hole now" in told[1]
    assert "no block moved" in told[2]


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
    page = open_page("--ops", "+24,+24,+24,+100,-0,-2,-1", "--coalesce", "deferred")
    press(page, "End")
    members = page.eval_on_selector_all(
        "#list-rows .member", "all => all.map(each => each.textContent)"
    )
    assert members == ["+0x5020", "+0x5040", "+0x5000"]
    assert page.inner_text("#list-rows h3") == "deferred, 32"
    page.hover("#list-rows .list")
    assert page.evaluate("rheapPlayer.stages[0].chain") == [4, 8, 0]  # arrows go this way
    page.mouse.move(0, 0)
    assert page.evaluate("rheapPlayer.stages[0].chain") == []
    page.focus("#list-rows .list")
    assert page.evaluate("rheapPlayer.stages[0].chain") == [4, 8, 0]
    press(page, "ArrowLeft")
    assert page.inner_text("#list-rows ol").split() == ["+0x5040", "+0x5000"]


def test_little_motion_where_that_is_wished_for(open_page):
    page = open_page("--random", 300, reduced_motion="reduce")
    page.evaluate("window.moments = []; rheapPlayer.player.listen(['moment'],"
                  " () => moments.push(rheapPlayer.player.moment))")  # fmt: skip
    press(page, "Home")
    page.select_option("#speed", "5000")
    page.click("#play")
    page.wait_for_selector("#end:disabled")
    assert len(page.evaluate("moments")) <= 3  # twice a second
