"""A tour of the heap: every step is run while you read it.

Each chapter stands in a module of its own; stage.py says how one is written.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .. import __version__, default
from ..heap import Heap
from ..terminal import Terminal
from . import damage, figures, holes, merging, numbers, policies, program, transfer, views, word
from .stage import Reader, play


@dataclass(frozen=True, slots=True)
class Stop:
    """A chapter of the tour: who tells it, and what to try next. `on_heap`: it goes on with the
    heap of the chapters before."""

    story: Callable[..., Any]
    next: str
    on_heap: bool = False


CHAPTERS = {
    "word": Stop(word.a_block_and_its_word, "heap.map(block.offset, 64) on a heap of your own"),
    "merging": Stop(merging.three_become_one, 'rheap replay --ops "+100,+100,+100,-0,-1,-2,+300"'),
    "holes": Stop(holes.no_hole_large_enough, "rheap view --random 100 --svg holes.svg"),
    "policies": Stop(
        policies.one_request_three_holes,
        "rheap replay --random 20 --seed 1 --capacity 400 --policy worst --ask",
    ),
    "transfer": Stop(transfer.real_bytes, "heap.record('own.trace', sites=True) around such work"),
    "numbers": Stop(numbers.chapter(), "heap.array(shape, 'u1') in place of np.empty", True),
    "views": Stop(views.nothing_dangles, "the same with numpy.frombuffer(block, 'u1')"),
    "damage": Stop(damage.caught, "rheap.Heap('1 MiB', debug=True): fences, sites, heap.leaks()"),
    "figures": Stop(figures.of_the_working_heap, "heap.map().save('heap.svg')", True),
    "program": Stop(program.recorded_and_replayed, "rheap record YOUR_PROGRAM.py"),
}


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
    reader = Reader(terminal, step=bool(options and getattr(options, "step", False)))
    only = getattr(options, "chapter", None)
    terminal.say(
        f"rheap {__version__}: a memory heap for Python that you can look into. Every step below "
        "is run now: the code you see is the code that runs, the figures are of this process."
    )
    with contextlib.suppress(EOFError), _default_heap_aside():
        _play(terminal, reader, [only] if only else list(CHAPTERS))
    if reader.asked:
        terminal.say(f"{reader.right} of {reader.asked} guesses were right.")
    terminal.say(
        "That was the tour. To go on by hand: python, import rheap, and print(heap.map()) after "
        "each line; help(rheap.Heap) tells the rest."
    )
    if terminal.could_use_rich:
        terminal.say("With rich the maps have colour: pip install 'rheap[cli]'.")
    return 0


def _play(terminal: Terminal, reader: Reader, names: list[str]) -> None:
    heap: Heap | None = None
    for name in names:
        stop, number = CHAPTERS[name], list(CHAPTERS).index(name) + 1
        given = [heap or Heap("1 GiB")] if stop.on_heap else []
        heap = play(terminal, reader, number, stop.story, *given) or heap
        terminal.say(f"Next, try: {stop.next}")


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
