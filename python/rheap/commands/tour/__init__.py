"""A tour of the heap: every step is run while you read it.

Each chapter stands in a module of its own; stage.py says how one is written, chapters.py which
there are. On a terminal browsing.py turns the pages.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from ... import __version__, default
from ...console.guessing import RULE
from ...console.terminal import Terminal
from .browsing import Browser
from .chapters import CHAPTERS, chapter_named, number_of, show_chapter
from .stage import Left, Reader

_THE_END = (
    "That was the tour. To go on by hand: python, import rheap, and print(heap.map()) after "
    "each line; help(rheap.Heap) tells the rest."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A chapter or all of them, and whether to wait at each step."""
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "chapter",
        nargs="?",
        type=_chapter,
        metavar="CHAPTER",
        help=f"one of {', '.join(CHAPTERS)}, or its number",
    )
    shown.add_argument(
        "--all", action="store_true", help="on a terminal, too, all chapters at once"
    )
    parser.add_argument(
        "--step", action="store_true", help="wait at each step, and ask where blocks will go"
    )


def run(options: argparse.Namespace | None = None) -> int:
    """Plays the tour, or a chapter; returns the exit status."""
    terminal = Terminal()
    step = bool(options and options.step)
    only: str | None = options.chapter if options else None
    browses = terminal.is_interactive and not (options and options.all)
    reader = Browser(terminal, step=step) if browses else Reader(terminal, step=step)
    terminal.say(
        f"rheap {__version__}: a memory heap for Python that you can look into. Every step below "
        "is run now: the code you see is the code that runs, the figures are of this process."
    )
    if step:
        terminal.say(f"When you are asked where the next block will go, type {RULE}.")
    with _default_heap_aside():
        ending = _read(terminal, reader, only)
    if reader.guesses:
        terminal.say(f"{reader.right} of {reader.guesses} guesses were right.")
    terminal.say(ending)
    if terminal.could_use_rich:
        terminal.say("With rich the maps have colour: pip install 'rheap[cli]'.")
    return 0


def _read(terminal: Terminal, reader: Reader, only: str | None) -> str:
    """Shows what there is to read, and returns what to say in the end."""
    try:
        if isinstance(reader, Browser):
            reader.browse(number_of(only) if only else 0)
            return _THE_END
        for name in [only] if only else CHAPTERS:
            show_chapter(terminal, reader, name)
    except Left:
        return (
            f"You left the tour at chapter {reader.number}."
            if reader.number
            else "You left the tour."
        )
    if only:
        others = ", ".join(name for name in CHAPTERS if name != only)
        return f"The other chapters, each with `rheap tour CHAPTER`: {others}."
    return _THE_END


def _chapter(text: str) -> str:
    try:
        return chapter_named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
