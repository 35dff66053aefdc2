"""What a heap does when its region was written to behind its back.

It finds the damage or works on correctly; it never crashes, hangs or touches memory of others.
"""

import itertools
import os
import subprocess
import sys

import pytest
from damaging import WORD, Row, read_word, write_word
from support import TESTS, rounds

import rheap

# For a long run, 8 times:
# RHEAP_DAMAGE_SEEDS=12500 pytest -n 2 tests/heap/test_damage.py -k random
SEEDS = int(os.environ.get("RHEAP_DAMAGE_SEEDS", 0)) or rounds(120)
TRIALS = TESTS / "trials.py"


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
@pytest.mark.parametrize("area", ["blocks", "header"])
def test_random_damage_is_found_or_harmless(area, coalesce, debug):
    arguments = [area, coalesce, str(debug), "0", str(SEEDS)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", TRIALS, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{arguments} died at {lines[-1:]}: {done.stderr[-3000:]}"
    found = int(lines[-1].removeprefix("found "))
    assert found > SEEDS / 10, "hardly any of the damage was noticed"


# --- neighbours and footers ---------------------------------------------------------------------


def test_a_damaged_neighbour_is_found_when_merging():
    row = Row(coalesce="immediate")
    row.flip(row.words[2])
    with pytest.raises(rheap.HeapCorruption):
        row.blocks[1].free()
    row.refuses_and_stays_readable([0, 2, 3, 4])


def test_a_damaged_neighbour_is_found_by_defrag():
    row = Row()
    row.free(1)
    row.flip(row.words[2])
    with pytest.raises(rheap.HeapCorruption):
        row.heap.defrag()
    row.refuses_and_stays_readable([0, 2, 3, 4])


@pytest.mark.parametrize("footer", [0, 8, 24, 1, 104, 120, 1 << 40, (1 << 64) - 8, (1 << 64) - 1])
@pytest.mark.parametrize("finder", ["free", "check"])
def test_a_wrong_footer_is_found(footer, finder):
    row = Row(coalesce="immediate")
    row.free(1)
    assert read_word(row.base, row.words[2] - WORD) == 112
    write_word(row.base, row.words[2] - WORD, footer)
    with pytest.raises(rheap.HeapCorruption):
        row.blocks[2].free() if finder == "free" else row.heap.check()
    row.refuses_and_stays_readable([0, 3, 4])


# --- links --------------------------------------------------------------------------------------

LINKS = {
    "outside": lambda row, number: 1 << 45,
    "huge": lambda row, number: (1 << 64) - 8,
    "in the header": lambda row, number: 64,
    "unaligned": lambda row, number: row.words[3] + 4,
    "a live block": lambda row, number: row.words[2],
    "inside a block": lambda row, number: row.words[2] + 16,
    "itself": lambda row, number: row.words[number],
    "the wilderness": lambda row, number: row.words[4] + 112,
}
PLACES = {"next": WORD, "previous": 2 * WORD}


@pytest.fixture(
    params=itertools.product(LINKS, PLACES, (1, 3)), ids=lambda one: " ".join(map(str, one))
)
def badly_linked(request):
    """A row of which two blocks are free, one of them with a link that is wrong."""
    kind, place, number = request.param
    row = Row(coalesce="immediate")
    row.free(1, 3)
    link = LINKS[kind](row, number) | (place == "previous")
    write_word(row.base, row.words[number] + PLACES[place], link)
    return row


def test_a_wrong_link_of_a_free_block_is_found(badly_linked):
    with pytest.raises(rheap.HeapCorruption):
        badly_linked.heap.check()
    badly_linked.refuses_and_stays_readable([0, 2, 4])


def test_a_wrong_link_of_a_free_block_is_never_followed(badly_linked):
    def take_both():
        taken = []
        for _ in range(2):
            taken.append(badly_linked.heap.alloc(104))
            assert taken[-1].offset - WORD in (badly_linked.words[1], badly_linked.words[3])
        badly_linked.heap.check()

    with pytest.raises(rheap.HeapCorruption):
        take_both()
    badly_linked.assert_unharmed(0, 2, 4)


@pytest.mark.parametrize("finder", ["alloc", "defrag", "check"])
def test_a_damaged_head_of_a_quick_list_is_found(finder):
    row = Row()
    row.free(1, 3)
    row.flip(row.words[3])
    with pytest.raises(rheap.HeapCorruption) as caught:
        row.heap.alloc(104) if finder == "alloc" else getattr(row.heap, finder)()
    assert caught.value.offset == row.words[3]
    row.refuses_and_stays_readable([0, 2, 4])


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("finder", ["alloc", "defrag", "check"])
def test_a_wrong_link_of_a_quick_list_is_found(link, finder):
    row = Row()
    row.free(1, 3)
    write_word(row.base, row.words[3] + WORD, link(row, 3))

    def find():
        if finder == "alloc":
            first = row.heap.alloc(104)
            assert first.offset - WORD == row.words[3]
            row.heap.alloc(104)
        else:
            getattr(row.heap, finder)()
        row.heap.check()

    with pytest.raises(rheap.HeapCorruption):
        find()
    row.assert_unharmed(0, 2, 4)


def test_a_quick_list_in_a_circle_is_no_hang():
    row = Row()
    row.free(1, 2, 3)
    write_word(row.base, row.words[1] + WORD, row.words[3])
    with pytest.raises(rheap.HeapCorruption, match="one list"):
        row.heap.check()


def test_a_quick_list_in_a_circle_never_gives_a_block_twice():
    row = Row()
    row.free(1, 2, 3)
    write_word(row.base, row.words[1] + WORD, row.words[3])
    taken = []
    with pytest.raises(rheap.HeapCorruption):
        taken.extend(row.heap.alloc(104) for _ in range(5))
    assert len({block.offset for block in taken}) == len(taken) == 3


def test_a_free_list_in_a_circle_is_no_hang():
    row = Row(coalesce="immediate")
    row.free(1, 3)
    write_word(row.base, row.words[1] + WORD, row.words[3])
    write_word(row.base, row.words[3] + 2 * WORD, row.words[1] | 1)
    with pytest.raises(rheap.HeapCorruption):
        row.heap.check()


# --- the header ---------------------------------------------------------------------------------


def places_of(row, offset):
    """The words of the header that say an offset; below the check code stand units of 8 bytes."""
    words = range(0, row.words[0], WORD)
    return [at for at in words if read_word(row.base, at) & ((1 << 40) - 1) == offset // WORD]


@pytest.mark.parametrize("finder", ["alloc", "trim", "defrag", "check", "stats", "free", "resize"])
@pytest.mark.parametrize("value", ["before all", "among live blocks", "far away", "no offset"])
def test_a_wrong_start_of_the_wilderness_is_found_before_it_is_acted_on(value, finder):
    row = Row()
    row.free(1)
    lie = {
        "before all": row.words[0],
        "among live blocks": row.words[2],
        "far away": 1 << 44,
        "no offset": (1 << 64) - 8,
    }[value]
    wilderness, fresh = places_of(row, row.words[4] + 112)
    assert wilderness != fresh
    write_word(row.base, wilderness, lie)
    calls = {
        "alloc": lambda: row.heap.alloc(500),
        "free": row.blocks[4].free,
        "resize": lambda: row.blocks[3].resize(8),
    }
    with pytest.raises(rheap.HeapCorruption):
        calls.get(finder, getattr(row.heap, finder, None))()
    row.refuses_and_stays_readable([0, 2, 3, 4])


@pytest.mark.parametrize("lie", [0, 1 << 33, 1 << 44, (1 << 64) - 8])
@pytest.mark.parametrize("finder", ["alloc", "trim", "check"])
def test_a_wrong_end_of_what_was_used_is_found_before_it_is_acted_on(lie, finder):
    row = Row()
    write_word(row.base, places_of(row, row.words[4] + 112)[-1], lie)
    with pytest.raises(rheap.HeapCorruption):
        row.heap.alloc(500, zero=True) if finder == "alloc" else getattr(row.heap, finder)()
    row.refuses_and_stays_readable([0, 1, 2, 3, 4])


def test_counters_that_lie_are_not_reported():
    row = Row()
    words = range(0, row.words[0], WORD)
    live_bytes = next(at for at in words if read_word(row.base, at) == 5 * 104)
    write_word(row.base, live_bytes, 4 * 104)
    with pytest.raises(rheap.HeapCorruption, match="counters"):
        row.heap.stats()
