"""What the tests of the player do to its page, and read from it."""

from support import TRACES

from rheap import _core

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


def settle(page):
    """Waits until a page has drawn what was changed."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
