"""The page asks where each block will go."""

from pages import settle


def test_questions_are_answered_and_counted(open_page):
    page = open_page("--ops", "+40,+16,-0,+40,+5000", "--capacity", "400", "--coalesce", "deferred")
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


def test_choices_that_have_no_button_are_counted(open_page):
    blocks = 20
    operations = [*["+24"] * blocks, *[f"-{n}" for n in range(0, blocks, 2)], *["+40"] * 9]
    freed = [f"-{n}" for n in range(blocks, blocks + 9, 2)]
    page = open_page(
        "--ops", ",".join([*operations, *freed, "+100"]), "--capacity", "4 KiB",
        "--coalesce", "deferred",
    )  # fmt: skip
    page.check("#ask")
    for _ in range(blocks + 9):
        page.click("#ask-choices >> text=the wilderness")
        page.click("#ask-next")
    assert page.locator("#ask-choices button").count() == 12 + 2
    assert page.inner_text("#ask-choices p") == "3 blocks more, in the map"
