"""Exercises: short traces to follow by hand, in the words of OSTEP's malloc.py.

`+BYTES` allocates, `-NUMBER` frees the allocation of that number, counted from 0 (Arpaci-Dusseau
and Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", chapter on free-space management).
"""

from __future__ import annotations

import random
import re

from .._core import Trace, TraceParser

_WRITTEN = re.compile(r"([+-])(\d{1,18})", re.ASCII)
_LARGEST = 100  # bytes, of a random allocation


def parse_operations(text: str) -> tuple[str, ...]:
    """The operations of an exercise, such as `+10,+20,-0,+8`.

    Raises `ValueError` for a word that is no operation, and for a free of a block that is not live.
    """
    words = tuple(word.strip() for word in text.split(","))
    live: list[bool] = []
    for number, word in enumerate(words):
        where = f"operation {number}, {word!r}"
        written = _WRITTEN.fullmatch(word)
        if written is None:
            raise ValueError(f"{where}, is neither +BYTES nor -ALLOCATION")
        if written[1] == "+":
            live.append(True)
            continue
        freed = int(written[2])
        if freed >= len(live):
            raise ValueError(f"{where}: there are {len(live)} allocations before it, from 0 on")
        if not live[freed]:
            raise ValueError(f"{where}: allocation {freed} was freed before")
        live[freed] = False
    return words


def random_operations(count: int, seed: int) -> tuple[str, ...]:
    """`count` operations, the same for the same seed: allocations of 1 to 100 bytes, and frees."""
    chance = random.Random(seed)
    live: list[int] = []
    words = []
    allocations = 0
    for _ in range(count):
        if live and chance.random() < 0.5:
            words.append(f"-{live.pop(chance.randrange(len(live)))}")
        else:
            words.append(f"+{chance.randint(1, _LARGEST)}")
            live.append(allocations)
            allocations += 1
    return tuple(words)


def make_trace(source: str, words: tuple[str, ...]) -> Trace:
    """An exercise as a trace; raises `TraceError` for a size that no trace has."""
    parser = TraceParser(source)
    allocations = 0
    for word in words:
        if word.startswith("+"):
            parser.feed(f"a {allocations} {word[1:]}\n".encode())
            allocations += 1
        else:
            parser.feed(f"f {word[1:]}\n".encode())
    return parser.finish()
