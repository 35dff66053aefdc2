"""Which place a reader means, and the map on which the places have letters."""

from __future__ import annotations

import pytest

import rheap
from rheap.console.guessing import Guess, Place, lettered, places_of, take_guess
from rheap.pictures.heapmap import RegionMap
from rheap.pictures.segments import plain

PLACES = (
    Place("a", 0x5000, 24, "free"),
    Place("b", 0x5020, 40, "free"),
    Place("c", 0x5050, 40, "deferred"),
    Place("d", 0x5100, 5000, "wilderness"),
)


def typed(*lines: str, places: tuple[Place, ...] = PLACES) -> Guess | None:
    left = iter(lines)
    return take_guess("? ", places, lambda prompt: next(left))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("a", "a"),
        (" D ", "d"),
        ("24", "a"),
        ("5000", "a or d"),
        ("0x5000", "a"),
        ("+0x5000", "a"),
        ("5100", "d"),
        ("50f8", "d"),  # of its word
        ("+0x4ff8", "a"),
        ("none", "none"),
        ("NONE", "none"),
        ("40", "b or c"),
    ],
)
def test_a_letter_a_size_or_an_offset_is_an_answer(
    line: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    guess = typed(line, "none")
    if " or " in name:
        assert f"{line!r} could be each of {name.replace(' or ', ', ')}. Type" in (
            capsys.readouterr().out
        )
    else:
        assert str(guess) == name
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize("line", ["", "  ", "\t"])
def test_enter_alone_skips(line: str) -> None:
    assert typed(line) is None


@pytest.mark.parametrize(
    "line",
    ["here", "-1", "+", "0x", "+-5", "5_000", "5.0", "0x0x50", "٣", "٢٤", "25", "e", "9" * 9999],
)
def test_what_is_no_answer_is_told_the_rule(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(typed(line, "none")) == "none"
    assert capsys.readouterr().out.startswith(f"{line!r} is none of a, b, c, d. Type the letter")


def test_where_nothing_is_free_only_none_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert str(typed("a", "none", places=())) == "none"
    assert capsys.readouterr().out.startswith("Type the letter")


def test_the_places_are_the_holes_and_the_wilderness() -> None:
    heap = rheap.Heap(512)
    kept = [heap.alloc(size) for size in (40, 24, 40, 8)]
    kept[0].free()
    heap.defrag()
    kept[2].free()
    places = places_of(heap.map())
    assert [(place.name, place.capacity, place.kind) for place in places] == [
        ("a", 40, "free"),
        ("b", 40, "deferred"),
        ("c", heap.stats().wilderness_bytes - 8, "wilderness"),
    ]
    assert [places[0].payload, places[1].payload] == [kept[1].offset - 48, kept[1].offset + 32]


@pytest.mark.parametrize(("left", "names"), [(0, ""), (8, ""), (16, ""), (24, "a")])
def test_a_wilderness_that_holds_no_block_is_no_place(left: int, names: str) -> None:
    heap = rheap.Heap(512)
    kept = heap.alloc(512 - 8 - left)
    assert "".join(place.name for place in places_of(heap.map())) == names
    assert kept.size


def test_an_empty_heap_is_one_place() -> None:
    (place,) = places_of(rheap.Heap(256).map())
    assert (place.payload, place.capacity) == (0x5000, 248)


@pytest.mark.parametrize("width", [20, 40, 78, 200])
@pytest.mark.parametrize("capacity", [600, 20_000, 300_000])
def test_the_letters_stand_where_a_payload_would_start(width: int, capacity: int) -> None:
    heap = rheap.Heap(capacity, coalesce="immediate")
    size = capacity // 15
    blocks = [heap.alloc(size) for _ in range(10)]
    for block in blocks[::3]:
        block.free()
    map_ = heap.map()
    places = places_of(map_)
    drawn = plain(lettered(map_, places).lines(width)).splitlines()
    before = map_.draw(width).splitlines()
    margin = len(f"+0x{map_.tiling.end:x} ")
    rows = [line for line in before if line.startswith("+0x")]
    cells = "".join(line[margin:] for line in drawn[: len(rows)])
    plain_cells = "".join(line[margin:] for line in before[: len(rows)])
    (scale,) = {
        8 << power for power in range(20) if f"cell is {told(8 << power)}" in before[len(rows)]
    }
    for number, sign in enumerate(cells):
        named = [place for place in places if (place.payload - 0x4FF8) // scale == number]
        assert sign == (named[-1].name if named else plain_cells[number])
    assert drawn[len(rows) :] == before[len(rows) :]
    assert all(block.freed or block.size for block in blocks)


def told(scale: int) -> str:
    return f"{scale} bytes" if scale < 1024 else f"{scale // 1024} KiB"


def test_more_places_than_letters() -> None:
    heap = rheap.Heap(4096, coalesce="immediate")
    blocks = [heap.alloc(24) for _ in range(100)]
    del blocks[::2]
    places = places_of(heap.map())
    assert [place.name for place in places[24:29]] == ["y", "z", "aa", "ab", "ac"]
    assert "|z..|###|aa.|###|ab.|" in plain(lettered(heap.map(), places).lines(1000))


def test_colours_stay_those_of_what_lies_there() -> None:
    heap = rheap.Heap(256)
    kept = heap.alloc(24)
    map_: RegionMap = heap.map()
    row = next(lettered(map_, places_of(map_)).lines(80))
    assert row[-1].kind == "wilderness" and row[-1].text.startswith("~a~")
    assert kept.size == 24
