"""`heap.blocks()`: a sequence of one moment that makes its rows when they are looked at."""

import gc
from collections.abc import Sequence

import pytest

import rheap
from rheap import BlockInfo, BlockState, _core
from rheap.pictures.byte_view import WORD_BITS


@pytest.fixture
def heap():
    return rheap.Heap("1 MiB", coalesce="deferred")


@pytest.fixture
def blocks(heap):
    kept = [heap.alloc(number % 200) for number in range(3000)][::2]
    yield heap.blocks()
    del kept


def test_it_is_a_sequence(blocks):
    rows = list(blocks)
    assert isinstance(blocks, rheap.Blocks)
    assert isinstance(blocks, Sequence)
    assert len(blocks) == len(rows) > 2048  # more than are made in one go
    assert [blocks[at] for at in range(len(rows))] == rows
    assert blocks[-1] == rows[-1] and blocks[-len(rows)] == rows[0]
    assert all(isinstance(row, BlockInfo) for row in rows)
    assert list(reversed(blocks)) == rows[::-1]
    assert f"{len(rows):,}" in repr(blocks)


@pytest.mark.parametrize("key", [slice(5), slice(2, 2500), slice(None, None, -7), slice(9, 3)])
def test_a_slice_is_a_sequence_too(blocks, key):
    rows = list(blocks)
    part = blocks[key]
    assert isinstance(part, Sequence)
    assert list(part) == rows[key] and len(part) == len(rows[key])
    assert list(part[1::2]) == rows[key][1::2]


def test_an_index_outside_is_an_error(blocks):
    for at in (len(blocks), -len(blocks) - 1, 1 << 80):
        with pytest.raises(IndexError):
            blocks[at]
    with pytest.raises(IndexError):
        blocks[:0][0]


def test_a_block_is_found_in_it(heap, blocks):
    info = blocks[7]
    assert info in blocks and blocks.index(info) == 7
    assert info._replace(size=info.size + 1) not in blocks


def test_later_changes_do_not_show():
    heap = rheap.Heap("1 MiB")
    block = heap.alloc(100)
    blocks = heap.blocks()
    view = block.view()
    assert [info.state for info in blocks] == [BlockState.LIVE]
    view.release()
    block.free()
    heap.close()
    assert [(info.size, info.state) for info in blocks] == [(100, BlockState.LIVE)]


def test_the_lines_of_its_blocks_outlive_their_code():
    heap = rheap.Heap("1 MiB", debug=True)
    space = {"heap": heap}
    exec(compile("def passing_by():\n    return heap.alloc(8)\n", "gone.py", "exec"), space)
    block = space["passing_by"]()
    blocks = heap.blocks()
    del block
    space.clear()
    heap.close()
    gc.collect()
    assert [info.site for info in blocks] == ["gone.py:2 passing_by"]
    assert blocks[0].site is blocks[0].site


def test_states_are_those_of_the_core():
    assert tuple(BlockState) == _core.STATES
    for members in [_core.STATES[::-1], _core.STATES[1:], ()]:
        with pytest.raises(ValueError, match="BlockState"):
            _core.use_states(members)


def test_figures_agree_with_the_rows():
    heap = rheap.Heap("1 MiB")
    blocks = [heap.alloc(number) for number in range(1, 200)]
    views = [block.view() for block in blocks[::5]]
    for block in blocks[::10]:
        with block:
            pass
    del blocks[1::3]
    stats, rows = heap.stats(), heap.blocks()
    for state in ("live", "pinned", "lingering", "deferred"):
        alike = [info for info in rows if info.state == state]
        if state != "live":
            assert getattr(stats, f"{state}_blocks") == len(alike) > 0
            assert getattr(stats, f"{state}_bytes") == sum(info.capacity for info in alike)
    assert stats == heap.map().stats
    del views


def test_a_snapshot_names_its_parts():
    heap = rheap.Heap("1 MiB", debug=True)
    block = heap.alloc(24)
    around = _core.snapshot_around(block, 64, 10)
    assert len(around.blocks) == 1 and around.fence > 0 and block.offset - 8 in around.words
    assert around.figures["live_blocks"] == 1
    del block, heap
    rows = around.blocks
    del around
    assert len(rows) == 1


def test_a_tiling_refuses_what_it_cannot_sum_up(heap):
    rows = _core.rows(heap)
    with pytest.raises(ValueError, match="has bytes"):
        _core.Tiling(rows, 0, 100, 100, 100)
    tiling = _core.Tiling(rows, 0, 64, 64, 128)
    for sum_up in (lambda: tiling.cells(0, 1), lambda: tiling.pieces(0, 1, 1.0, 1.0)):
        with pytest.raises(ValueError, match="has bytes"):
            sum_up()
    assert tiling.counts() == {"wilderness": 1} and tiling.cells(8, 3) == ["wilderness"] * 3


@pytest.mark.parametrize(("bits", "name"), list(enumerate(["live", "deferred", "free", None])))
def test_a_word_is_read_by_the_core(bits, name):
    word = _core.Word(0xABCDEF << 40 | 5 << 3 | bits << 1 | 1)
    assert (word.payload, word.state, word.state_bits) == (40, name, bits)
    assert (word.after_free, word.check) == (True, 0xABCDEF)
    assert name is None or f"{bits:02b} {name}" in WORD_BITS
