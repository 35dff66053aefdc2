"""HeapCorruption through each way: who raises it, and how the heap behaves afterwards."""

import gc

import pytest
from damaging import WORD, Row, base_of, damage, write_word
from support import SIZE

import rheap

FINDERS = {
    "free": lambda row: row.blocks[1].free(),
    "heap.free": lambda row: row.heap.free(row.blocks[1]),
    "with": lambda row: row.blocks[1].__exit__(None, None, None),
    "resize": lambda row: row.blocks[1].resize(8),
    "grow": lambda row: row.blocks[1].resize(300),
    "check": lambda row: row.heap.check(),
    "stats": lambda row: row.heap.stats(),
    "blocks": lambda row: row.heap.blocks(),
    "map": lambda row: row.heap.map(),
    "trim": lambda row: row.heap.trim(),
}


@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
@pytest.mark.parametrize("bit", [0, 1, 2, 3, 10, 39, 40, 63])
@pytest.mark.parametrize("finder", FINDERS.values(), ids=FINDERS)
def test_one_flipped_bit_in_the_word_of_a_live_block_is_found(finder, bit, coalesce):
    row = Row(coalesce=coalesce)
    row.flip(row.words[1], 1 << bit)
    with pytest.raises(rheap.HeapCorruption) as caught:
        finder(row)
    assert caught.value.offset == row.words[1]
    assert f"+0x{row.words[1]:x}" in str(caught.value)
    assert "check code" in str(caught.value)
    row.refuses_and_stays_readable([0, 2, 3, 4])


@pytest.mark.parametrize("value", [0, 1, (1 << 64) - 1, 0x4141_4141_4141_4141])
def test_an_overrun_of_the_neighbours_word_is_found_by_the_neighbour(value):
    row = Row()
    write_word(row.base, row.words[2], value)
    row.blocks[0].free()  # knows nothing of it
    with pytest.raises(rheap.HeapCorruption, match="wrote past its block"):
        row.blocks[2].free()
    row.refuses_and_stays_readable([1, 3, 4])


# --- leaving with -------------------------------------------------------------------------------


def test_damage_leaves_exit():
    heap = rheap.Heap("1 MiB")
    with pytest.raises(rheap.HeapCorruption) as raised, heap.alloc(SIZE) as block:
        damage(block)
    assert raised.value.__context__ is None
    assert block.freed


def test_damage_found_when_a_with_ends_is_chained_to_the_exception_in_flight():
    row = Row()
    row.flip(row.words[1])
    error = KeyError("in flight")
    with pytest.raises(rheap.HeapCorruption) as caught, row.blocks[1]:
        raise error
    assert caught.value.__context__ is error


# --- while a block or a view is dropped ---------------------------------------------------------


def test_damage_found_while_a_block_is_dropped_is_told_by_the_next_call(unraisable):
    row = Row()
    row.flip(row.words[1])
    del row.blocks[1]
    assert [type(error) for error in unraisable] == [rheap.HeapCorruption]
    assert unraisable[0].offset == row.words[1]
    with pytest.raises(rheap.HeapCorruption) as caught:
        row.heap.alloc(8)
    assert caught.value.offset == row.words[1]


def test_damage_found_while_a_block_is_dropped_spares_the_exception_in_flight(unraisable):
    row = Row()
    row.flip(row.words[1])

    def raise_and_drop():
        try:
            raise KeyError("in flight")
        finally:
            del row.blocks[1]

    with pytest.raises(KeyError, match="in flight"):
        raise_and_drop()
    assert [type(error) for error in unraisable] == [rheap.HeapCorruption]


def test_damage_found_while_the_last_view_is_dropped_is_unraisable(unraisable):
    heap = rheap.Heap("1 MiB")
    with heap.alloc(SIZE) as block:
        view = block.view()
        damage(block)
    assert not unraisable
    del view
    assert [type(error) for error in unraisable] == [rheap.HeapCorruption]
    with pytest.raises(rheap.HeapCorruption):
        heap.stats()


# --- afterwards ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["with", "drop", "close"])
def test_after_damage_everything_goes_quietly(way, unraisable):
    row = Row()
    view = row.blocks[0].view()
    row.flip(row.words[1])
    with pytest.raises(rheap.HeapCorruption):
        row.heap.check()
    if way == "with":
        for block in row.blocks:
            block.__exit__(None, None, None)
    elif way == "close":
        row.heap.close()
    row.blocks.clear()
    assert bytes(view) == b"\x01" * 104
    del row, view
    gc.collect()
    assert unraisable == []


def test_free_is_refused_after_damage_and_the_block_stays_open():
    row = Row()
    row.flip(row.words[1])
    for number in (1, 2, 1, 2):
        with pytest.raises(rheap.HeapCorruption):
            row.blocks[number].free()
        with pytest.raises(rheap.HeapCorruption):
            row.heap.free(row.blocks[number])
        assert not row.blocks[number].freed
    row.refuses_and_stays_readable([0, 1, 2, 3, 4])


@pytest.mark.parametrize("debug", [False, True])
def test_a_block_whose_shrinking_finds_damage_is_as_it_was(debug):
    row = Row(coalesce="immediate", debug=debug)
    row.flip(row.words[2])
    with pytest.raises(rheap.HeapCorruption):
        row.blocks[1].resize(8)
    row.refuses_and_stays_readable([0, 1, 2, 3, 4])


@pytest.mark.parametrize("debug", [False, True])
def test_a_block_whose_moving_finds_damage_is_as_it_was(debug):
    row = Row(coalesce="immediate", debug=debug)
    row.free(0)
    write_word(row.base, row.words[1] - WORD, 0)
    with pytest.raises(rheap.HeapCorruption):
        row.blocks[1].resize(300)
    row.refuses_and_stays_readable([1, 2, 3, 4])


@pytest.mark.parametrize("debug", [False, True])
def test_a_block_whose_shrinking_meets_a_damaged_list_is_as_it_was(debug):
    heap = rheap.Heap("1 MiB", coalesce="immediate", debug=debug)
    block, hole, wall = (heap.alloc(size) for size in (1200, 104, 8))
    block[:] = content = bytes(range(240)) * 5
    place = hole.offset
    hole.free()
    # The rest would go to the list of the hole, whose previous link is wrong.
    write_word(base_of(wall), place + WORD, place)
    with pytest.raises(rheap.HeapCorruption):
        block.resize(1200 - 112 - (8 if debug else 0))
    assert block.size == len(block) == 1200
    assert block[:] == content
    assert not wall.freed


@pytest.mark.parametrize("debug", [False, True])
def test_a_block_whose_growing_meets_a_damaged_list_is_as_it_was(debug):
    row = Row(coalesce="immediate", debug=debug)
    row.free(2)
    write_word(row.base, row.words[2] + WORD, row.words[4])
    with pytest.raises(rheap.HeapCorruption):
        row.blocks[1].resize(200)
    assert row.blocks[1].size == 104
    row.refuses_and_stays_readable([0, 1, 3, 4])


@pytest.mark.parametrize("way", ["block", "heap"])
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("place", [1, 2], ids=["next", "previous"])
def test_a_block_whose_merging_meets_a_damaged_list_stays_open(place, debug, way):
    row = Row(coalesce="immediate", debug=debug)
    row.free(2)
    write_word(row.base, row.words[2] + place * WORD, row.words[4] | 1)
    for number in (1, 3):
        with pytest.raises(rheap.HeapCorruption):
            row.blocks[number].free() if way == "block" else row.heap.free(row.blocks[number])
        assert not row.blocks[number].freed
    row.refuses_and_stays_readable([0, 1, 3, 4])


def test_another_heap_is_not_concerned():
    row, other = Row(), Row()
    row.flip(row.words[1])
    with pytest.raises(rheap.HeapCorruption):
        row.heap.check()
    other.heap.check()
    assert other.heap.alloc(8).size == 8


def test_a_damaged_heap_still_says_what_it_is():
    row = Row()
    row.flip(row.words[1])
    with pytest.raises(rheap.HeapCorruption):
        row.heap.check()
    assert row.heap.capacity == 4096
    assert not row.heap.closed
    assert "4 KiB" in repr(row.heap)
    assert "104 bytes" in repr(row.blocks[2])
