"""Tickets that are forged, spent or torn: refused, or for the block that they are for."""

import os
import random

import numpy as np
import pytest
from processes import assert_nothing_left
from support import rounds

import rheap

MUTATIONS = int(os.environ.get("RHEAP_FORGED_TICKETS", rounds(10_000)))

REFUSALS = (ValueError, rheap.BlockGone)


class Forger:
    """Makes tickets, changes them, and looks at what they are redeemed for.

    Each block holds one byte all over, and so do the holes between them: another one.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.heap = rheap.SharedHeap("1 MiB", objects=64)
        self.tickets = {}  # of blocks that stay: ticket -> the byte that is all over its block
        self.kept = []
        for number in range(16):
            size = self.random.choice([0, 1, 24, 100, 4096])
            block = self.heap.alloc(size)
            block[:] = bytes([number]) * size
            hole = self.heap.alloc(64)
            hole[:] = b"\xee" * 64
            hole.free()
            self.kept.append(block)
            for what in self.things_in(block):
                self.tickets[self.heap.ticket(what)] = number
                self.redeem_all_but_some()

    def things_in(self, block):
        yield block
        bytes_ = np.frombuffer(block.view(), "u1") if block.size else None
        if bytes_ is None:
            return
        yield bytes_
        yield bytes_[::-1]
        yield bytes_[:0]
        if block.size % 8 == 0:
            yield bytes_.view("f8")[1:]
            yield bytes_.view(">i4").reshape(-1, 2).T
            yield bytes_.view([("a", "i2"), ("b", "u1", (2, 3))])
            yield bytes_.view("M8[ns]")

    def redeem_all_but_some(self):
        """There are not many records of tickets."""
        if len(self.heap.tickets()) > 50:
            for ticket in self.tickets:
                self.heap.redeem(ticket)

    def forged(self):
        """A changed ticket, and the byte that it may show; None if it may show that of any."""
        pick = self.random
        ticket, number = pick.choice(list(self.tickets.items()))
        data = bytearray(ticket)
        way = pick.randrange(7)
        if way == 0:
            for _ in range(pick.choice([1, 1, 2, 8])):
                data[pick.randrange(len(data))] = pick.randrange(256)
        elif way == 1:
            data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)
        elif way == 2:
            del data[pick.randrange(len(data)) :]
        elif way == 3:
            data += pick.randbytes(pick.choice([1, 8, 100]))
        elif way == 4 and len(data) > 32:  # how the array lies
            at = pick.randrange(32, len(data))
            word = pick.choice(
                [0, 1, 8, 255, 1 << 31, 1 << 62, (1 << 64) - 1, pick.getrandbits(64)]
            )
            data[at : at + 8] = word.to_bytes(8, "little")[: len(data) - at]
        elif way == 5:  # two halves
            other, _ = pick.choice(list(self.tickets.items()))
            at = pick.choice([8, 16, 24, 32, 44])
            return bytes(data[:at]) + other[at:], None
        else:
            at = pick.randrange(8, 32)
            data[at : at + 8] = pick.getrandbits(64).to_bytes(8, "little")[: len(data) - at]
        # Another serial, index and object may be right together, but not by chance.
        return bytes(data), number

    def try_one(self):
        forged, number = self.forged()
        try:
            got = self.heap.redeem(forged)
        except REFUSALS:
            return False
        seen = set(got[:]) if isinstance(got, rheap.Block) else self.bytes_of(got)
        expected = {number} if number is not None else set(range(16))
        assert seen <= expected, (forged, number, seen)
        return True

    def bytes_of(self, array):
        block = array
        while not isinstance(block, rheap.Pin):
            block = block.obj if isinstance(block, memoryview) else block.base
        block = block.block
        low, high = np.lib.array_utils.byte_bounds(array) if array.size else (0, 0)
        base = np.frombuffer(block.view(), "u1").__array_interface__["data"][0]
        if array.size and array.itemsize:
            assert base <= low <= high <= base + block.size
        some = array.flat[:100]  # one item may be there very often
        return set(some.tobytes()) if some.dtype.itemsize else set()

    def run(self, count):
        accepted = sum(self.try_one() for _ in range(count))
        self.heap.check()
        for ticket, number in self.tickets.items():
            got = self.heap.redeem(ticket)
            seen = got[:] if isinstance(got, rheap.Block) else got.tobytes()
            assert set(seen) <= {number}
        del got, seen
        self.kept.clear()
        assert_nothing_left(self.heap)
        for ticket in self.tickets:  # all spent
            with pytest.raises(rheap.BlockGone):
                self.heap.redeem(ticket)
        return accepted


@pytest.mark.parametrize("seed", range(4))
def test_a_forged_ticket_is_refused_or_shows_its_own_block(seed):
    accepted = Forger(seed).run(MUTATIONS // 4)
    assert 0 < accepted < MUTATIONS // 4


def test_no_spent_ticket_ever_shows_another_block():
    heap = rheap.SharedHeap("64 KiB", objects=64)
    spent = []
    for number in range(rounds(2000)):
        block = heap.alloc(24)
        ticket = heap.ticket(block)
        assert heap.redeem(ticket).size == 24
        spent.append(ticket)
        del block
        with pytest.raises(rheap.BlockGone):
            heap.redeem(spent[number // 2])
        with pytest.raises(rheap.BlockGone):
            heap.redeem(ticket)
    assert_nothing_left(heap)


def test_random_bytes_are_no_ticket():
    heap = rheap.SharedHeap("64 KiB")
    kept = heap.array(10, "i4", zero=True)
    ticket = heap.ticket(kept)
    pick = random.Random(5)
    identity = ticket[:8]
    for _ in range(rounds(5000)):
        data = pick.randbytes(pick.choice([0, 1, 31, 32, 33, 43, 44, 60, 100, 300]))
        for forged in (data, identity + data[8:]):
            with pytest.raises(REFUSALS):
                heap.redeem(forged)
    assert heap.redeem(ticket).tolist() == [0] * 10
    heap.check()


FAR = 2**62
PLACES = [  # (bytes, offset, bytes of an item, shape, strides), and whether it lies in the block
    ((80, 0, 8, (10,), (8,)), True),
    ((80, 72, 8, (10,), (-8,)), True),
    ((80, 72, 8, (), ()), True),
    ((80, 73, 8, (), ()), False),
    ((80, 64, 8, (10,), (-8,)), False),
    ((80, -1, 8, (1,), (8,)), False),
    ((80, 8, 8, (10,), (8,)), False),
    ((80, 0, 8, (-1,), (8,)), False),
    ((0, 0, 8, (0, FAR), (FAR, FAR)), True),
    ((0, 1, 8, (0,), (8,)), False),
    ((0, 0, 8, (-1, 0), (8, 8)), False),
    ((80, 0, 8, (FAR + 1,) * 8, (FAR,) * 8), False),  # the sum is a multiple of 2**127
    ((80, 0, 8, (3,) * 40, (FAR,) * 20 + (-FAR,) * 20), False),
]


@pytest.mark.parametrize(("place", "lies_in"), PLACES)
def test_whatever_its_numbers_an_array_lies_in_its_block_or_not(place, lies_in):
    assert rheap._core.lies_in(*place) is lies_in
