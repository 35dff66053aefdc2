"""Where will the next block go? The places that there are, and which one a reader means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, product
from string import ascii_lowercase

from .._core import SMALLEST_CAPACITY, WORD_BYTES
from ..pictures.heapmap import RegionMap
from ..pictures.lettered import LetteredMap
from ..pictures.palette import WILDERNESS
from .terminal import read_line

NOWHERE = "none"
RULE = (
    "the letter of a place on the map, or its size, or its offset; "
    f"{NOWHERE!r} if the request will be refused; Enter alone skips"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A place that no block has: a freed block or the wilderness.

    `name`: its letter, or letters. `payload`: where the payload of a block that goes there would
    start, an offset in the region. `capacity`: the most bytes that such a payload can have. `kind`:
    free, deferred or wilderness, as in the pictures.
    """

    name: str
    payload: int
    capacity: int
    kind: str

    def __str__(self) -> str:
        return f"{self.name} {shown(self.payload)} ({self.capacity:,} bytes)"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a reader expects: this place, or that the request is refused."""

    place: Place | None

    def __str__(self) -> str:
        return NOWHERE if self.place is None else self.place.name


def places_of(map_: RegionMap) -> tuple[Place, ...]:
    """The places of a region that no block has, in address order."""
    places = [
        (block.offset, block.capacity, block.state.value)
        for block in map_.blocks
        if not block.state.is_live
    ]
    last = map_.spans[-1]
    if last.kind == WILDERNESS and last.end - last.start >= SMALLEST_CAPACITY:
        payload = last.start + WORD_BYTES
        places.append((payload, last.end - payload, WILDERNESS))
    return tuple(Place(name, *place) for name, place in zip(_names(), places, strict=False))


def lettered(map_: RegionMap, places: Sequence[Place]) -> LetteredMap:
    """The map with the letter of each place where a payload would start."""
    return LetteredMap(map_, {each.payload: each.name for each in places})


def shown(place: int | None) -> str:
    """An offset as the pictures write it; `NOWHERE` for a request that was refused."""
    return NOWHERE if place is None else f"+0x{place:x}"


def take_guess(
    prompt: str, places: Sequence[Place], read: Callable[[str], str] = read_line
) -> Guess | None:
    """Asks until the answer follows the `RULE`; None if it was skipped.

    `read` shows a prompt and gives a line; what it raises, as `EOFError` at the end of the input,
    passes.
    """
    while True:
        text = read(prompt).strip().lower()
        if not text:
            return None
        if text == NOWHERE:
            return Guess(None)
        meant = _meant(text, places)
        if len(meant) == 1:
            return Guess(meant[0])
        names = ", ".join(each.name for each in meant or places)
        what = "could be each of" if meant else "is none of"
        print(f"{text!r} {what} {names}. Type {RULE}." if names else f"Type {RULE}.")


def _meant(text: str, places: Sequence[Place]) -> list[Place]:
    """The places that somebody may mean who types this."""
    if named := [each for each in places if each.name == text]:
        return named
    offset = re.fullmatch(r"\+?(?:0x)?([0-9a-f]+)", text, re.ASCII)
    at = int(offset[1], 16) if offset else None
    size = int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None
    return [
        each
        for each in places
        if at in (each.payload, each.payload - WORD_BYTES) or size == each.capacity
    ]


def _names() -> Iterator[str]:
    """a to z, then aa, ab and so on."""
    for length in count(1):
        yield from map("".join, product(ascii_lowercase, repeat=length))
