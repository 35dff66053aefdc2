"""A tour of the heap: every step is run while you read it.

Each chapter stands in a module of its own; stage.py says how one is written.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from importlib import import_module

from ... import __version__, default
from ...console.guessing import RULE
from ...console.terminal import Terminal
from .stage import Reader, play

CHAPTERS = (
    "word",
    "splitting",
    "freeing",
    "holes",
    "defrag",
    "policies",
    "transfer",
    "arrays",
    "handles",
    "damage",
    "processes",
    "figures",
    "program",
)
"""The modules of this package that are chapters, in their order. Loaded when they are told: one
looks for NumPy, which takes longer to import than all of rheap."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A chapter, and whether to wait at each step."""
    parser.add_argument(
        "chapter",
        nargs="?",
        choices=CHAPTERS,
        metavar="CHAPTER",
        help=f"one of {', '.join(CHAPTERS)}",
    )
    parser.add_argument(
        "--step", action="store_true", help="wait at each step, and ask where blocks will go"
    )


def run(options: argparse.Namespace | None = None) -> int:
    """Plays the tour, or a chapter; returns the exit status."""
    terminal = Terminal()
    step = bool(options and getattr(options, "step", False))
    only = getattr(options, "chapter", None)
    reader = Reader(terminal, step=step)
    terminal.say(
        f"rheap {__version__}: a memory heap for Python that you can look into. Every step below "
        "is run now: the code you see is the code that runs, the figures are of this process."
    )
    if step:
        terminal.say(f"When you are asked where the next block will go, type {RULE}.")
    with _default_heap_aside():
        ending = _play(terminal, reader, [only] if only else CHAPTERS)
    if reader.guesses:
        terminal.say(f"{reader.right} of {reader.guesses} guesses were right.")
    terminal.say(ending)
    if terminal.could_use_rich:
        terminal.say("With rich the maps have colour: pip install 'rheap[cli]'.")
    return 0


def _play(terminal: Terminal, reader: Reader, names: Sequence[str]) -> str:
    """Plays these chapters, and returns what to say in the end."""
    for name in names:
        chapter, number = import_module(f".{name}", __name__), CHAPTERS.index(name) + 1
        if not play(terminal, reader, number, chapter.chapter):
            return f"You left the tour at chapter {number}."
        terminal.to_paste("Next, try:", chapter.NEXT)
    if len(names) < len(CHAPTERS):
        others = ", ".join(name for name in CHAPTERS if name not in names)
        return f"The other chapters, each with `rheap tour CHAPTER`: {others}."
    return (
        "That was the tour. To go on by hand: python, import rheap, and print(heap.map()) after "
        "each line; help(rheap.Heap) tells the rest."
    )


@contextlib.contextmanager
def _default_heap_aside() -> Iterator[None]:
    """Keeps the caller's default heap from the tour's, which is closed at the end."""
    callers, default._heap = default._heap, None
    try:
        yield
    finally:
        ours, default._heap = default._heap, callers
        if ours is not None:
            ours.close()
