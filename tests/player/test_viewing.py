"""The view: wheel, drag, fingers and keys; what is summed up; windows of every size."""

import re

import pytest
from pages import SHORT, TRACE, press, settle

from rheap.pictures.run import COLUMNS


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
          if (document.body?.dataset.state !== "reading") return;
          const [stage] = rheapPlayer.stages;
          window.first = [stage.run.isRead, stage.drawing.last.image.width];
        }).observe(document, { attributes: true, subtree: true });"""
    )
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-state=ready]")
    assert page.evaluate("first") == [False, COLUMNS]
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
