"""Lines of segments: what pictures as text are made of."""

import pytest

import rheap
from rheap.pictures.palette import LEGEND
from rheap.pictures.segments import PLACE, Segment, fill, plain, wrap

LINE = (Segment("+0x10", PLACE), Segment(" one two"), Segment("#####", "live"))


@pytest.mark.parametrize("width", range(6, 40))
def test_a_wrapped_line_keeps_its_kinds(width):
    lines = list(wrap(LINE, width, "  "))
    assert max(len(plain([line])) for line in lines) <= width
    kinds = [(sign, kind) for line in lines for text, kind in line for sign in text if sign != " "]
    assert kinds == [(sign, kind) for text, kind in LINE for sign in text if sign != " "]


def test_items_are_filled_into_lines_and_never_broken():
    items = [(Segment(text),) for text in ("one", "and two", "three")]
    assert plain(fill(items, ", ", 12)) == "one, and two\nthree"
    assert plain(fill(items, ", ", 3)) == "one\nand two\nthree"
    assert list(fill([], ", ", 3)) == []


def test_each_sign_of_a_map_has_its_kind():
    heap = rheap.Heap(256, debug=True)
    kept = [heap.alloc(24), heap.alloc(16)]
    view = kept[0].view()
    for picture in (heap.map(), heap.map(length=100)):
        lines = list(picture.lines(80))
        assert plain(lines) == picture.draw(80)
        signs = {(text[0], kind) for line in lines for text, kind in line if kind in LEGEND}
        assert {("|", "word"), ("P", "pinned"), ("!", "fence")} <= signs
        assert any(
            kind == PLACE and text.startswith("+0x") for line in lines for text, kind in line
        )
    assert view.nbytes == 24


def test_terminals_show_pictures_and_text_in_their_order(capsys):
    from rheap.console.terminal import Terminal

    heap = rheap.Heap(256)
    Terminal().output("before", heap.map(), "behind")
    text = capsys.readouterr().out
    assert text.index("before") < text.index("+0x4ff8 ~~~") < text.index("behind")
