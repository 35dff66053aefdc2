"""Plays a chapter: shows its text, its code and what that code prints, in this order.

A chapter is a module with a generator function `chapter` and with `NEXT`, what to try after it: a
`rheap` command, or up to three lines for Python's prompt. The first line of the function's
docstring is the title. What it yields is prose; the statements between two yields are a step: their
source is shown, then they run, and what they print follows. So the code on the page is the code
that ran. It may also yield a question (`Ask`), which the next step answers. Every chapter makes
the heap that it needs.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
import io
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ...console.guessing import shown, take_guess
from ...console.terminal import Drawable, Terminal


@dataclass(frozen=True, slots=True)
class Ask:
    """A question: where will the next block go? `place` is called after the step that shows it,
    and gives the offset of its payload, None if the request was refused."""

    question: str
    place: Callable[[], int | None]


Story = Iterator[str | Ask]


class Reader:
    """Who reads: goes straight on, or waits at each step and guesses."""

    def __init__(self, terminal: Terminal, *, step: bool) -> None:
        self._terminal = terminal
        self._step = step
        self._asked: Ask | None = None
        self._guess: str | None = None
        self.right = self.guesses = 0

    def take(self, told: str | Ask) -> bool:
        """Shows prose, or a question. Returns whether the reader goes on: the input may end."""
        self._terminal.say(told if isinstance(told, str) else told.question)
        if not self._step:
            return True
        try:
            if isinstance(told, Ask):
                self._asked, self._guess = told, take_guess("your guess: ")
            else:
                input("Enter to go on ")
        except EOFError:
            print()
            return False
        return True

    def check(self) -> None:
        """Says whether the guess was right, once the answer is there."""
        asked, guess = self._asked, self._guess
        self._asked = self._guess = None
        if asked is None or guess is None:
            return
        answer = shown(asked.place())
        self.guesses += 1
        self.right += guess == answer
        self._terminal.say(
            f"Right: {answer}." if guess == answer else f"No: {answer}, not {guess}."
        )


def play(terminal: Terminal, reader: Reader, number: int, chapter: Callable[[], Story]) -> bool:
    """Plays one chapter; returns whether the reader stayed to its end."""
    terminal.heading(f"{number}  {inspect.getdoc(chapter)}")
    story = chapter()
    for source in steps(chapter):
        if source:
            terminal.code(source)
        with _shown() as parts:
            told = next(story, None)
        if source:
            terminal.output(*parts)
            reader.check()
        if told is not None and not reader.take(told):
            return False
    return True


def steps(chapter: Callable[..., object]) -> Iterator[str]:
    """The source of each step of a chapter; empty where prose follows prose."""
    lines = textwrap.dedent(inspect.getsource(chapter)).splitlines()
    (function,) = ast.parse("\n".join(lines)).body
    assert isinstance(function, ast.FunctionDef)
    step: list[ast.stmt] = []
    for statement in [*function.body[1:], None]:
        if statement is None or _is_yield(statement):
            yield _source(lines, step)
            step = []
        else:
            step.append(statement)


def _is_yield(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield)


def _source(lines: list[str], step: list[ast.stmt]) -> str:
    if not step:
        return ""
    first, last = step[0].lineno - 1, step[-1].end_lineno
    return textwrap.dedent("\n".join(lines[first:last])).strip()


@contextlib.contextmanager
def _shown() -> Iterator[list[str | Drawable]]:
    """Catches what is printed, in order: text, and pictures as they are."""
    parts: list[str | Drawable] = []
    before = builtins.print

    def show(*values: object, **options: Any) -> None:
        if len(values) == 1 and isinstance(values[0], Drawable) and not options:
            parts.append(values[0])
        else:
            text = io.StringIO()
            before(*values, **{"file": text, **options})
            parts.append(text.getvalue())

    builtins.print = show
    try:
        yield parts
    finally:
        builtins.print = before
