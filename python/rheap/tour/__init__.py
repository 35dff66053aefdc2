"""A tour of the heap: every step is run while you read it.

`run()` plays the chapters in order. Each stands in a module of its own; stage.py says how one is
written.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from .. import __version__, default
from ..terminal import Terminal
from . import damage, figures, holes, merging, numbers, transfer, views
from .stage import play


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(options: argparse.Namespace | None = None) -> int:
    """Plays the tour; returns the exit status."""
    terminal = Terminal()
    terminal.say(
        f"rheap {__version__}: a memory heap for Python that you can look into. Every step below "
        "is run now: the code you see is the code that runs, the figures are of this process."
    )
    with _default_heap_aside():
        play(terminal, 1, merging.three_become_one)
    heap = play(terminal, 2, transfer.real_bytes)
    play(terminal, 3, numbers.chapter(), heap)
    play(terminal, 4, holes.no_hole_large_enough)
    play(terminal, 5, views.nothing_dangles)
    play(terminal, 6, damage.caught)
    play(terminal, 7, figures.of_the_working_heap, heap)
    terminal.say(
        "That was the tour. To go on by hand: python, import rheap, and print(heap.map()) after "
        "each line; help(rheap.Heap) tells the rest."
    )
    if terminal.could_use_rich:
        terminal.say("With rich the maps have colour: pip install 'rheap[cli]'.")
    return 0


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
