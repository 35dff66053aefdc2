"""Why a block did not go where a reader expected it."""

from __future__ import annotations

from collections.abc import Sequence

from ..console.guessing import Guess, Place
from ..pictures.palette import FREE, WILDERNESS
from ..reports import BlockState

_UNIT, _LEAST = 8, 16  # bytes: what payloads are padded to, and the payload of the smallest block


def is_right(guess: Guess, payload: int | None) -> bool:
    """Whether the block went where the guess says; `payload`: its offset, None if refused."""
    return payload == (guess.place and guess.place.payload)


def why_not(
    policy: str, size: int, guess: Guess, payload: int | None, places: Sequence[Place]
) -> str:
    """Why a request for `size` bytes did not go where the guess says but to this payload.

    `policy`: its name. `places`: as they were before. (A place may have been merged since, with
    what lies behind it: it keeps its start.)
    """
    need = max(-(-size // _UNIT) * _UNIT, _LEAST)
    taken = next((each for each in places if each.payload == payload), None)
    place = guess.place
    if place is None:
        if taken is None or taken.capacity < need:
            return "neighbours were merged to make room"
        return f"{taken.name} has room for it: {taken.capacity:,} bytes"
    if place.capacity < need:
        return (
            f"{place.name} is too small: it has room for {place.capacity:,} bytes, and "
            f"{need:,} are needed"
            + (
                f"; {taken.name} was merged with what lies behind it"
                if taken and taken.capacity < need
                else ""
            )
        )
    if taken is None:
        return f"{place.name} would hold it, but the policy refused it"
    if BlockState.DEFERRED in (taken.kind, place.kind):
        return _deferred(need, place, taken)
    if taken.capacity < need:
        return f"{place.name} fits, but {taken.name} was merged first with what lies behind it"
    if place.kind == WILDERNESS and any(each.kind == BlockState.DEFERRED for each in places):
        return f"the wilderness has to wait while anything is left to merge; {taken.name} fits"
    return f"{place.name} fits, but {_preference(policy, place, taken)}"


def _deferred(need: int, place: Place, taken: Place) -> str:
    """The same where one of the two has not been merged."""
    if taken.kind != BlockState.DEFERRED:
        return f"{place.name} waits unmerged for a request of exactly its size"
    if taken.capacity == need:
        last = ", and was freed last" if place.kind == taken.kind and place.capacity == need else ""
        return f"{taken.name} waits unmerged with exactly the {need:,} bytes that are needed{last}"
    return f"what waits unmerged is merged before more is taken, and then {taken.name} fits"


def _preference(policy: str, place: Place, taken: Place) -> str:
    """What this policy prefers of two places that both fit."""
    sizes = f"{taken.name} has {taken.capacity:,} bytes, {place.name} {place.capacity:,}"
    if policy == "first":
        return f"first fit takes the lowest that does: {taken.name}"
    if policy == "next":
        return f"next fit goes on where it placed the last block, and comes to {taken.name} first"
    if policy in ("best", "worst") and place.capacity == taken.capacity:
        return f"of equal ones {policy} fit takes the lower: {taken.name}"
    if policy == "best":
        return f"best fit takes the tightest: {sizes}"
    if policy == "worst":
        return f"worst fit takes the largest: {sizes}"
    if policy == "segregated":
        return _segregated(place, taken, sizes)
    return f"{policy} chose {taken.name}"


def _segregated(place: Place, taken: Place, sizes: str) -> str:
    if place.kind == WILDERNESS:
        return f"the wilderness comes last, and the hole {taken.name} is large enough"
    if taken.kind == FREE and place.capacity == taken.capacity:
        return f"{taken.name}, of the same size, stands before it in their list"
    if place.capacity > taken.capacity:
        return f"segregated fit takes one that is nearly the tightest: {sizes}"
    return f"it stands too far behind in its list to be seen: {sizes}"
