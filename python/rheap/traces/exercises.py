"""Exercises: short traces to follow by hand, in the words of OSTEP's malloc.py.

`+BYTES` allocates, `-NUMBER` frees the allocation of that number, counted from 0 (Arpaci-Dusseau
and Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", chapter on free-space management). `c`,
which is ours, compacts the heap: all blocks are moved together.
"""

from __future__ import annotations

import random
import re

from .._core import Trace, TraceParser

_WRITTEN = re.compile(r"([+-])(\d{1,18})", re.ASCII)
COMPACTION = "c"
_LARGEST = 100  # bytes, of a random allocation


def parse_operations(text: str) -> tuple[str, ...]:
    """The operations of an exercise, such as `+10,+20,-0,+8`.

    Raises `ValueError` for a word that is no operation, for a free of a block that is not live, and
    where nothing is allocated.
    """
    words = tuple(word.strip() for word in text.split(","))
    live: list[bool] = []
    for number, word in enumerate(words):
        where = f"operation {number}, {word!r}"
        if word == COMPACTION:
            continue
        written = _WRITTEN.fullmatch(word)
        if written is None:
            raise ValueError(f"{where}, is neither +BYTES nor -ALLOCATION nor {COMPACTION}")
        if written[1] == "+":
            live.append(True)
            continue
        freed = int(written[2])
        if freed >= len(live):
            raise ValueError(f"{where}: there are {len(live)} allocations before it, from 0 on")
        if not live[freed]:
            raise ValueError(f"{where}: allocation {freed} was freed before")
        live[freed] = False
    if not live:
        raise ValueError("nothing is allocated: an exercise has an operation +BYTES")
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
    parser.feed(b"# rheap 2\n")
    allocations = 0
    for word in words:
        if word == COMPACTION:
            line = "c"
        elif word.startswith("+"):
            line = f"a {word[1:]}"
            allocations += 1
        else:
            line = f"f {allocations - int(word[1:])}"
        parser.feed(f"{line}\n".encode())
    return parser.finish()
