"""Why a block did not go where somebody expected it: true for what heaps really do."""

from __future__ import annotations

import re

import pytest
from test_replay import COALESCING

from rheap.console.guessing import Guess, Place, places_of
from rheap.pictures.heapmap import RegionMap
from rheap.replay.measure import Scheme, capacity_for
from rheap.replay.own import OwnPolicy
from rheap.replay.reasons import is_right, why_not
from rheap.traces.exercises import make_trace, random_operations

HOLES = (
    Place("a", 0x5000, 120, "free"),
    Place("b", 0x5098, 88, "free"),
    Place("c", 0x5110, 184, "free"),
    Place("d", 0x5200, 184, "wilderness"),
)


@pytest.mark.parametrize(
    ("policy", "size", "guess", "payload", "reason"),
    [
        ("first", 100, "b", 0x5000, "b is too small: it has room for 88 bytes, and 104 are needed"),
        ("first", 80, "b", 0x5000, "b fits, but first fit takes the lowest that does: a"),
        ("next", 80, "a", 0x5110, "a fits, but next fit goes on where it placed the last block, "
         "and comes to c first"),
        ("best", 80, "a", 0x5098, "a fits, but best fit takes the tightest: b has 88 bytes, a 120"),
        ("best", 150, "d", 0x5110, "d fits, but of equal ones best fit takes the lower: c"),
        ("worst", 1, "b", 0x5110, "b fits, but worst fit takes the largest: c has 184 bytes, b 88"),
        ("segregated", 80, "d", 0x5098, "d fits, but the wilderness comes last, and the hole b is "
         "large enough"),
        ("segregated", 80, "c", 0x5098, "c fits, but segregated fit takes one that is nearly the "
         "tightest: b has 88 bytes, c 184"),
        ("mine.py:f", 80, "a", 0x5098, "a fits, but mine.py:f chose b"),
        ("mine.py:f", 80, "a", None, "a would hold it, but the policy refused it"),
        ("first", 80, None, 0x5000, "a has room for it: 120 bytes"),
        ("first", 200, "d", None, "d is too small: it has room for 184 bytes, and 200 are needed"),
    ],
)  # fmt: skip
def test_each_policy_has_its_reason(policy, size, guess, payload, reason):
    place = next((each for each in HOLES if each.name == guess), None)
    assert not is_right(Guess(place), payload)
    assert why_not(policy, size, Guess(place), payload, HOLES) == reason


UNMERGED = (
    Place("a", 0x5000, 24, "deferred"),
    Place("b", 0x5020, 24, "deferred"),
    Place("c", 0x5040, 40, "deferred"),
    Place("d", 0x5100, 100, "free"),
    Place("e", 0x5200, 184, "wilderness"),
)


@pytest.mark.parametrize(
    ("size", "guess", "payload", "reason"),
    [
        (20, "a", 0x5020, "b waits unmerged with exactly the 24 bytes that are needed, and was "
         "freed last"),
        (20, "d", 0x5020, "b waits unmerged with exactly the 24 bytes that are needed"),
        (30, "c", 0x5100, "c waits unmerged for a request of exactly its size"),
        (90, "e", 0x5000, "what waits unmerged is merged before more is taken, and then a fits"),
        (90, None, 0x5000, "neighbours were merged to make room"),
        (90, "e", 0x5100, "the wilderness has to wait while anything is left to merge; d fits"),
    ],
)  # fmt: skip
def test_what_waits_unmerged_has_its_reason(size, guess, payload, reason):
    place = next((each for each in UNMERGED if each.name == guess), None)
    assert why_not("best", size, Guess(place), payload, UNMERGED) == reason


def last_hole(size, holes):
    return holes[-1] if holes[-1].size >= size else None


@pytest.mark.parametrize("coalesce", COALESCING)
@pytest.mark.parametrize(
    "policy", ["segregated", "first", "next", "best", "worst", OwnPolicy("own", last_hole)],
    ids=lambda policy: getattr(policy, "name", policy),
)  # fmt: skip
def test_a_reason_says_what_is_so(policy, coalesce):
    """Every wrong answer to every question of random exercises: each comparison in it holds."""
    for seed in range(6):
        words = random_operations(60, seed)
        trace = make_trace("exercise", words)
        for capacity in (capacity_for(trace, 256), trace.peak_block_bytes):
            check_exercise(Scheme(policy, coalesce), words, trace, capacity)


def check_exercise(scheme, words, trace, capacity):
    inspection = scheme.inspect(trace, capacity)
    for word in words:
        places = places_of(RegionMap.of_rows(inspection.rows(), capacity // 8 * 8))
        payload = inspection.step()
        if word.startswith("-"):
            continue
        by_name = {each.name: each for each in places}
        right = [g for g in (None, *places) if is_right(Guess(g), payload)]
        assert len(right) == 1  # wherever it went, it is one of the places that were shown
        for guess in (None, *places):
            if guess in right:
                continue
            reason = why_not(scheme.name, int(word[1:]), Guess(guess), payload, places)
            check_reason(reason, by_name, guess, right[0], int(word[1:]))


def check_reason(reason, by_name, guess, right, size):
    if found := re.fullmatch(r"(\w+) is too small: it has room for (\S+) bytes, and .*", reason):
        assert by_name[found[1]] is guess and guess.capacity < max(size, 16)
    else:
        assert guess is None or guess.capacity >= size
    if "takes the tightest" in reason or "nearly the tightest" in reason:
        assert right.capacity < guess.capacity
    if "takes the largest" in reason:
        assert right.capacity > guess.capacity
    if "takes the lowe" in reason:
        assert right.payload < guess.payload
    if "of the same size" in reason or "of equal ones" in reason:
        assert right.capacity == guess.capacity
    if "exactly the" in reason:
        assert right.kind == "deferred" and 0 <= right.capacity - size < 24
    if "too far behind" in reason:
        assert right.capacity > guess.capacity >= size
    if "merged" not in reason and right is not None:
        assert right.capacity >= size
