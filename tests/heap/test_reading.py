"""What reads a Block without exposing it."""

import array
import hashlib
import operator
import sys

import numpy as np
import pytest
from support import SIZE, live

import rheap

CONTENT = bytes(range(1, 14))


@pytest.fixture
def block(heap):
    """A block with known bytes, in memory that had others before and after it."""
    block = heap.alloc(len(CONTENT))
    block[:] = CONTENT
    return block


READINGS = {
    "bytes": (bytes, CONTENT),
    "%b": (lambda block: b"%b" % block, CONTENT),
    "%s in a tuple": (lambda block: b"<%s>" % (block,), b"<" + CONTENT + b">"),
    "%b of a bytearray": (lambda block: bytearray(b"%b") % block, bytearray(CONTENT)),
    "tobytes": (lambda block: block.tobytes(), CONTENT),
    "hex": (lambda block: block.hex(), CONTENT.hex()),
    "hex with a separator": (lambda b: b.hex(":", bytes_per_sep=2), CONTENT.hex(":", 2)),
    "list": (list, list(CONTENT)),
    "sum": (sum, sum(CONTENT)),
    "sorted": (lambda block: sorted(block, reverse=True), sorted(CONTENT, reverse=True)),
    "reversed": (lambda block: [*reversed(block)], [*reversed(CONTENT)]),
    "unpacking": (lambda block: (lambda *all_: all_)(*block), tuple(CONTENT)),
    "a slice": (lambda block: block[2:5], CONTENT[2:5]),
    "a byte is in it": (lambda block: 7 in block, True),
    "a byte is not": (lambda block: 200 in block, False),
    "bytes are in it": (lambda block: CONTENT[3:6] in block, True),
    "a view is in it": (lambda block: memoryview(CONTENT)[3:6] in block, True),
    "it is in itself": (lambda block: block in block, True),
    "nothing is in it": (lambda block: b"" in block, True),
    "bytes are not": (lambda block: b"\x03\x02" in block, False),
    "==": (lambda block: block == CONTENT, True),
    "== from the right": (lambda block: operator.eq(CONTENT, block), True),
    "!=": (lambda block: block != CONTENT, False),
    "== its own view": (lambda block: block == block.view(), True),
    "== itself": (lambda block: block == block, True),
    "in a list": (lambda block: block in [b"other", block], True),
    "in a set": (lambda block: block in {b"other", block}, True),
    "hash": (lambda block: hash(block) == hash(block), True),
}


@pytest.mark.parametrize("name", READINGS)
def test_what_reads_a_block_does_not_expose_it(heap, block, name):
    read, expected = READINGS[name]
    found = read(block)
    assert found == expected
    assert type(found) is type(expected)
    assert repr(block).endswith(", live>")
    keeper = [block]
    assert heap.free(block) is True
    assert live(heap) == (0, 0)
    del keeper


@pytest.mark.parametrize("name", [name for name in READINGS if name not in ("hash",)])
def test_a_freed_block_is_not_read(heap, block, name):
    read, _ = READINGS[name]
    block.free()
    waiting = heap.alloc(len(CONTENT))  # the memory is another's now
    waiting[:] = CONTENT
    if name in ("== itself", "in a list", "in a set"):
        assert read(block)
    elif name in ("==", "== from the right"):
        assert not read(block)
    elif name == "!=":
        assert read(block)
    else:
        with pytest.raises(rheap.BlockFreed):
            read(block)


@pytest.mark.parametrize("read", [lambda b: b"".join([b]), bytearray, hashlib.sha256, np.array])
def test_what_takes_a_buffer_exposes_it(block, read):
    """The premise of the rule. Where one learns to read as `bytes` does, all the better."""
    read(block)
    assert repr(block).endswith(", exposed>")


def test_int_from_bytes_reads_as_bytes_does_up_to_3_14(block):
    assert int.from_bytes(block, "big") == int.from_bytes(CONTENT, "big")
    state = "exposed" if sys.version_info >= (3, 15) else "live"
    assert repr(block).endswith(f", {state}>")


def test_blocks_that_were_read_merge():
    heap = rheap.init_heap("1 MiB")
    blocks = [rheap.r_alloc(13) for _ in range(3)]
    last = rheap.r_alloc(8)
    bytes(blocks[1])
    assert [rheap.r_free(block) for block in blocks] == [True] * 3
    assert rheap.r_defrag() == 2
    assert heap.stats().live_blocks == 1
    del last


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_of_any_size(heap, size):
    block = heap.alloc(size, zero=True)
    assert bytes(block) == block.tobytes() == bytes(size)
    assert block.hex() == "00" * size
    assert block == bytes(size)
    assert block != bytes(size + 1)
    assert (0 in block) is (size > 0)
    assert [*block] == [0] * size


def test_a_copy_is_a_copy(block):
    copy = bytes(block)
    block[0] = 99
    assert copy == CONTENT


EQUALS = {
    "bytearray": bytearray(CONTENT),
    "memoryview": memoryview(CONTENT),
    "array": array.array("B", CONTENT),
    "numpy": np.frombuffer(CONTENT, "u1"),
}


@pytest.mark.parametrize("kind", EQUALS)
def test_it_compares_with_whatever_has_bytes(block, kind):
    assert (block == EQUALS[kind]) is True
    assert (block != EQUALS[kind]) is False
    block[5] = 0
    assert (block == EQUALS[kind]) is False
    assert (block != EQUALS[kind]) is True


@pytest.mark.parametrize("other", [None, 7, "text", "", [], [1, 2], object(), float("nan")])
def test_it_is_equal_to_nothing_else(block, other):
    assert (block == other) is False
    assert (block != other) is True


def test_a_buffer_that_is_refused_is_not_equal(block):
    assert block != memoryview(CONTENT * 2)[::2]


def test_it_has_no_order(block):
    for compare in (lambda: block < CONTENT, lambda: block >= block):
        with pytest.raises(TypeError, match="not supported between"):
            compare()


def test_wrong_arguments(block):
    with pytest.raises(TypeError, match="bytes-like"):
        "text" in block  # noqa: B015
    for byte in (-1, 256, 2**70):
        with pytest.raises(ValueError, match=r"byte|fit"):
            byte in block  # noqa: B015
    with pytest.raises(TypeError):
        block.hex(1)
    with pytest.raises(ValueError, match="sep"):
        block.hex("--")
    with pytest.raises(TypeError):
        block.tobytes(1)


def test_a_block_that_is_sought_is_not_exposed(heap, block):
    part = heap.alloc(3)
    part[:] = CONTENT[4:7]
    assert part in block
    assert repr(part).endswith(", live>")


def test_what_frees_the_block_while_it_is_read(heap, block):
    class Freeing:
        def __index__(self):
            block.free()
            return 1

    with pytest.raises(rheap.BlockFreed):
        Freeing() in block  # noqa: B015
    assert live(heap) == (0, 0)


def test_it_stops_when_the_block_is_freed_in_the_middle(heap):
    block = heap.alloc(SIZE, zero=True)
    seen = iter(block)
    assert next(seen) == 0
    block.free()
    with pytest.raises(rheap.BlockFreed):
        next(seen)
