"""What a heap does when its region was written to behind its back.

It finds the damage or works on correctly; it never crashes, hangs or touches memory of others.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from damaging import WORD, Row, read_word, write_word
from support import rounds, run_python

import rheap

SEEDS = rounds(120)
TRIALS = Path(__file__).with_name("trials.py")


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


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("place", [WORD, 2 * WORD], ids=["next", "previous"])
@pytest.mark.parametrize("number", [1, 3], ids=["first freed", "last freed"])
def test_a_wrong_link_of_a_free_block_is_found(link, place, number):
    row = Row(coalesce="immediate")
    row.free(1, 3)
    write_word(row.base, row.words[number] + place, link(row, number) | (place == 2 * WORD))
    with pytest.raises(rheap.HeapCorruption):
        row.heap.check()
    row.refuses_and_stays_readable([0, 2, 4])


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("place", [WORD, 2 * WORD], ids=["next", "previous"])
@pytest.mark.parametrize("number", [1, 3], ids=["first freed", "last freed"])
def test_a_wrong_link_of_a_free_block_is_never_followed(link, place, number):
    row = Row(coalesce="immediate")
    row.free(1, 3)
    write_word(row.base, row.words[number] + place, link(row, number) | (place == 2 * WORD))

    def take_both():
        taken = []
        for _ in range(2):
            taken.append(row.heap.alloc(104))
            assert taken[-1].offset - WORD in (row.words[1], row.words[3])
        row.heap.check()

    with pytest.raises(rheap.HeapCorruption):
        take_both()
    row.assert_unharmed(0, 2, 4)


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


@pytest.mark.parametrize("value", [1 << 44, 1 << 33, (1 << 64) - 8])
def test_a_wrong_end_of_what_was_used_leads_nobody_outside(value):
    # The header says twice how far the region was used; `trim` gives back what lies beyond.
    run_python(
        f"""
        import ctypes, contextlib, rheap
        heap = rheap.Heap("1 MiB")
        block = heap.alloc(1000)
        base = block.address - block.offset
        end = block.offset + block.capacity
        header = (ctypes.c_uint64 * 512).from_address(base)
        places = [place for place in range(512) if header[place] == end]
        assert places
        header[places[-1]] = {value}
        with contextlib.suppress(rheap.HeapCorruption):
            heap.trim()
        heap.close()
        """
    )
