"""The chapters of the tour, in their order."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType

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
    "moving",
    "damage",
    "processes",
    "figures",
    "program",
)
"""The modules of this package that are chapters. Loaded when they are told or listed: one looks for
NumPy, which takes longer to import than all of rheap."""


def chapter_named(text: str) -> str:
    """The chapter of this name or number. Raises `ValueError` when there is none."""
    if text in CHAPTERS:
        return text
    if text.isascii() and text.isdigit() and 0 < int(text) <= len(CHAPTERS):
        return CHAPTERS[int(text) - 1]
    known = ", ".join(CHAPTERS)
    raise ValueError(f"{text!r} is no chapter; they are 1 to {len(CHAPTERS)}, or {known}")


def number_of(name: str) -> int:
    """The number of a chapter, from 1 on."""
    return CHAPTERS.index(name) + 1


def title_of(name: str) -> str:
    """What stands above a chapter."""
    return inspect.getdoc(_load(name).chapter) or name


def show_chapter(terminal: Terminal, reader: Reader, name: str) -> None:
    """Plays a chapter, and says what to try after it. Raises what the reader raises."""
    chapter = _load(name)
    play(terminal, reader, number_of(name), chapter.chapter)
    terminal.to_paste("Next, try:", chapter.NEXT)
    if same := getattr(chapter, "SAME", None):
        terminal.to_paste("The same in the player, step by step:", view_command(name, same))


def view_command(name: str, options: str) -> str:
    """The command that opens what happens in a chapter in the player."""
    return f"rheap view {options} -o {name}.html"


def _load(name: str) -> ModuleType:
    return import_module(f".{name}", __package__)
