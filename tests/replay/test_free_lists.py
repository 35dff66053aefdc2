"""The free lists that an exercise shows are those of the region."""

from __future__ import annotations

import pytest
from test_replay import COALESCING

from rheap import Heap, HeapExhausted, _core
from rheap.pictures.heapmap import RegionMap
from rheap.replay.free_lists import FreeLists
from rheap.replay.measure import Scheme, capacity_for
from rheap.replay.own import OwnPolicy
from rheap.reports import BlockState
from rheap.traces.exercises import make_trace, random_operations

NATIVE = ["segregated", "first", "next", "best", "worst"]


def exercise(scheme, seed, largest=1):
    words = [f"+{int(w) * largest}" if w[0] == "+" else w for w in random_operations(120, seed)]
    words[60:60] = words[90:90] = ["c"]
    yield from play(scheme, words)


def play(scheme, words):
    """The lists after each operation, and a heap that played the same."""
    trace = make_trace("exercise", tuple(words))
    capacity = capacity_for(trace, 256)
    inspection, lists = scheme.inspect(trace, capacity), FreeLists(scheme, capacity)
    native = isinstance(scheme.policy, str)
    policy = scheme.policy if native else "first"
    heap = Heap(capacity, coalesce=scheme.coalesce, policy=policy, auto_compact=False)
    payloads, blocks = [], []
    for word in words:
        payload = inspection.step()
        if word == "c":
            lists.compacted()
            heap.compact()
            payloads = [None if block is None or block.freed else block.offset for block in blocks]
        elif word.startswith("+"):
            lists.allocated(int(word[1:]))
            payloads.append(payload)
            try:
                blocks.append(heap.alloc(int(word[1:])))
            except HeapExhausted:
                blocks.append(None)
            assert payload == (blocks[-1] and blocks[-1].offset)
        else:
            number = int(word[1:])
            lists.freed(number, payloads[number])
            if blocks[number] is not None:
                blocks[number].free()
        map_ = RegionMap.of_rows(inspection.rows(), capacity)
        yield list(lists.lists(map_.blocks)), map_.blocks, heap


def links(heap):
    """By the payload of each free block that of the next in its list."""
    first = _core.FIRST_BLOCK
    words = _core.snapshot(heap, first, first + heap.capacity, 1000).words
    return {
        block.offset: words[block.offset] and words[block.offset] + 8
        for block in heap.blocks()
        if not block.state.is_live
    }


@pytest.mark.parametrize("largest", [1, 30])
@pytest.mark.parametrize("coalesce", COALESCING)
@pytest.mark.parametrize("policy", NATIVE)
def test_they_are_the_chains_in_the_region(policy, coalesce, largest):
    for seed in range(3):
        for lists, blocks, heap in exercise(Scheme(policy, coalesce), seed, largest):
            free = [block for block in blocks if not block.state.is_live]
            told = [payload for _, payloads in lists for payload in payloads]
            assert sorted(told) == [block.offset for block in free]
            pairs = {
                pair for _, chain in lists for pair in zip(chain, (*chain[1:], 0), strict=True)
            }
            assert dict(pairs) == links(heap)
            if coalesce == "immediate":
                assert not any(block.state is BlockState.DEFERRED for block in free)


def test_a_policy_of_ones_own_has_one_list_in_address_order():
    def choose(size, holes):
        return next((hole for hole in holes if hole.size >= size), None)

    scheme = Scheme(OwnPolicy("own", choose), "immediate")
    most = 0
    for lists, blocks, _ in exercise(scheme, 4):
        holes = tuple(block.offset for block in blocks if block.state is BlockState.FREE)
        assert lists == ([("free list, in address order", holes)] if holes else [])
        most = max(most, len(holes))
    assert most > 2


def test_lists_are_named_by_what_is_in_them():
    def names(words, *, policy="segregated", coalesce="immediate"):
        *_, (last, _, _) = play(Scheme(policy, coalesce), words.split(","))
        return [what for what, _ in last]

    words = "+520,+8,+528,+8,+24,+8,-0,-2,-4"
    assert names(words) == ["free list of 24 bytes", "free list of 520 to 528 bytes"]
    assert names(words, policy="best") == ["free list, in address order"]
    assert names(words, coalesce="deferred")[-2:] == [
        "unmerged, of 520 bytes, freed last first",
        "unmerged, of 528 bytes, freed last first",
    ]
    assert names("+520") == []
