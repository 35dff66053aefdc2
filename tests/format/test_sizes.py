"""What is taken for a number of bytes: size, capacity and align, as ints and as strings."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Indexed, plain_build_only

import rheap
from rheap.format.sizes import format_size


@pytest.fixture
def heap(heap_with_witness):
    return heap_with_witness


def name(value):
    return f"index {value.value}" if isinstance(value, Indexed) else repr(value)


GOOD_SIZES = [
    (0, 0),
    (100, 100),
    (Indexed(100), 100),
    (np.int64(100), 100),
    (np.uint8(100), 100),
    ("100", 100),
    ("100 B", 100),
    ("0.5 KiB", 512),
    (" 1.5 kB ", 1500),
    ("64kib", 65536),
    ("0.1 KB", 100),
    ("+100", 100),
]


BAD_SIZES = [
    (-1, ValueError, "-1"),
    (Indexed(-7), ValueError, "-7"),
    (np.int64(-1), ValueError, "-1"),
    ("-1", ValueError, "-1"),
    ("-64 MiB", ValueError, "-64 MiB"),
    ("12 parsecs", ValueError, "parsecs"),
    ("", ValueError, "''"),
    ("MiB", ValueError, "MiB"),
    ("1 2", ValueError, "1 2"),
    ("1.", ValueError, "1."),
    ("1e3", ValueError, "1e3"),
    ("0x10", ValueError, "0x10"),
    ("0.3 B", ValueError, "0.3 B"),
    ("nan", ValueError, "nan"),
    ("\u0661", ValueError, "\u0661"),
    (True, TypeError, "bool"),
    (False, TypeError, "bool"),
    (np.True_, TypeError, "bool"),
    (1.5, TypeError, "float"),
    (1.0, TypeError, "float"),
    (np.float64(8), TypeError, "float64"),
    (None, TypeError, "NoneType"),
    (b"64 MiB", TypeError, "bytes"),
    ([8], TypeError, "list"),
    (2**63, OverflowError, str(2**63)),
    (2**64, OverflowError, str(2**64)),
    (2**64 + 8, OverflowError, str(2**64 + 8)),
    (Indexed(2**64), OverflowError, str(2**64)),
    ("99999999 TiB", OverflowError, "99999999 TiB"),
]


@pytest.mark.parametrize(("size", "bytes_"), GOOD_SIZES, ids=name)
def test_a_size_is_an_int_or_a_string(heap, size, bytes_):
    assert heap.alloc(size).size == bytes_
    block = heap.alloc(8)
    block.resize(size)
    assert block.size == bytes_


def test_units_are_those_of_the_field():
    assert rheap.Heap("64 MiB").capacity == 64 << 20
    assert rheap.Heap("1.5 GB").capacity == 1_500_000_000


@plain_build_only
def test_a_heap_may_have_1_tib():
    assert rheap.Heap("1 TiB").capacity == 1 << 40


@pytest.mark.parametrize(("size", "kind", "words"), BAD_SIZES, ids=name)
def test_alloc_refuses_what_is_no_size(heap, size, kind, words):
    with pytest.raises(kind, match=re.escape(words)) as caught:
        heap.alloc(size)
    assert type(caught.value) is kind
    assert "size" in str(caught.value)


@pytest.mark.parametrize(("size", "kind", "words"), BAD_SIZES, ids=name)
def test_resize_refuses_what_is_no_size(heap, size, kind, words):
    block = heap.alloc(64)
    with pytest.raises(kind, match=re.escape(words)) as caught:
        block.resize(size)
    assert type(caught.value) is kind
    assert block.size == 64


@pytest.mark.parametrize(("size", "kind", "words"), BAD_SIZES, ids=name)
def test_a_heap_refuses_what_is_no_capacity(size, kind, words):
    with pytest.raises(kind, match=re.escape(words)) as caught:
        rheap.Heap(size)
    assert type(caught.value) is kind
    assert "capacity" in str(caught.value)


@pytest.mark.parametrize("size", [10**5000, "9" * 5000], ids=["int", "string"])
def test_a_number_too_long_to_print_is_refused_all_the_same(heap, size):
    with pytest.raises((OverflowError, ValueError)) as caught:
        heap.alloc(size)
    assert "size" in str(caught.value)


def test_a_negative_number_too_long_to_print_is_still_negative(heap):
    with pytest.raises(ValueError, match="size must not be negative"):
        heap.alloc(-(10**5000))


@given(st.one_of(st.text(max_size=12), st.integers(), st.floats(), st.binary(max_size=3)))
def test_any_value_is_a_size_or_one_of_three_errors(size):
    heap = rheap.Heap(4096)
    try:
        block = heap.alloc(size)
    except (ValueError, TypeError, OverflowError, rheap.HeapExhausted):
        assert heap.stats().live_blocks == 0
    else:
        assert 0 <= block.size <= block.capacity <= 4096
    heap.check()


@pytest.mark.parametrize("capacity", [0, 1, 23, "2 TiB", 2**40 + 1, 2**62])
def test_capacity_has_bounds(capacity):
    with pytest.raises(ValueError, match="capacity must be from 24 bytes to 1 TiB") as caught:
        rheap.Heap(capacity)
    assert repr(capacity) in str(caught.value)


# --- align --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("align", "kind", "words"),
    [
        (3, ValueError, "3"),
        (0, ValueError, "0"),
        (24, ValueError, "24"),
        (-8, ValueError, "-8"),
        (2**22, ValueError, str(2**22)),
        (2**40, ValueError, str(2**40)),
        (2**64, OverflowError, str(2**64)),
        ("3 MiB", ValueError, "3 MiB"),
        ("4 MiB", ValueError, "4 MiB"),
        (True, TypeError, "bool"),
        (None, TypeError, "NoneType"),
        (8.0, TypeError, "float"),
    ],
)
def test_align_is_a_power_of_two_up_to_2_mib(heap, align, kind, words):
    with pytest.raises(kind, match=re.escape(words)) as caught:
        heap.alloc(8, align=align)
    assert type(caught.value) is kind
    assert "align" in str(caught.value)


@pytest.mark.parametrize("align", [1, 2, 4, 8, "64", np.int32(64), "2 MiB", 2**21])
def test_align_takes_what_a_size_takes(align):
    block = rheap.Heap("8 MiB").alloc(8, align=align)
    assert block.address % (2**21 if align in ("2 MiB", 2**21) else int(align)) == 0


# --- as text ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1000, "1000 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1500, "1.46 KiB"),
        (1000 << 10, "1000 KiB"),
        (1023 << 10, "1023 KiB"),
        (1 << 20, "1 MiB"),
        (64 << 30, "64 GiB"),
        (1 << 40, "1 TiB"),
    ],
)
def test_sizes_read_at_a_glance(size, text):
    assert format_size(size) == text


@pytest.mark.parametrize("power", [10, 20, 30])
def test_no_size_is_written_with_an_exponent(power):
    for size in range((1 << power + 10) - 30, (1 << power + 10) + 1):
        assert "e" not in format_size(size)
