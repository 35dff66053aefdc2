"""Plays a chapter: shows its text, its code and what that code prints, in this order.

A chapter is a module with a generator function `chapter` and with `NEXT`, what to try after it: a
`rheap` command, or up to three lines for Python's prompt. Where what happens can be told as the
operations of an exercise, `SAME` are the options of `rheap view` that play them. The first line of
the function's docstring is the title. What it yields is prose; the statements between two yields
are a step: their source is shown, then they run, and what they print follows. So the code on the
page is the code that ran. It may also yield a question (`Ask`), which the next step answers. Every
chapter makes the heap that it needs.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
import io
import sys
import textwrap
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...console.guessing import Guess, Place, lettered, places_of, take_guess
from ...console.terminal import Drawable, Terminal, read_line
from ...pictures.heapmap import RegionMap
from ...replay.reasons import is_right, why_not


@dataclass(frozen=True, slots=True)
class Ask:
    """A question: where will the next block go?

    `map`: of the heap that is asked for `size` bytes, and places them by `policy`. `place` is
    called after the step that shows the answer, and gives the offset of the payload, None if the
    request was refused.
    """

    question: str
    map: RegionMap
    size: int
    place: Callable[[], int | None]
    policy: str = "segregated"


Story = Generator[str | Ask, None, None]


class Left(Exception):  # noqa: N818  (it is no error)
    """The reader leaves the tour, or the input ended."""


class Reader:
    """Who reads: goes straight on, or (`step`) waits at each step and guesses."""

    def __init__(self, terminal: Terminal, *, step: bool) -> None:
        self._terminal = terminal
        self._step = step
        self._guessed: tuple[Ask, Guess, Sequence[Place]] | None = None
        self.right = self.guesses = 0
        self.number = 0
        """Of the chapter that is being read; 0 before the first."""

    def begin(self, number: int) -> None:
        """Opens a chapter. (The one before may have been left between a guess and its answer.)"""
        self.number = number
        self._guessed = None

    def take(self, told: str | Ask) -> None:
        """Shows prose, or a question. Raises `Left`."""
        self._terminal.say(told if isinstance(told, str) else told.question)
        if self._step and isinstance(told, Ask):
            places = places_of(told.map)
            named = ", ".join(map(str, places)) or "nothing is free"
            self._terminal.output(lettered(told.map, places), named)
            guess = take_guess("your guess: ", places, self.answer)
            self._guessed = None if guess is None else (told, guess, places)
        elif self._step:
            self.wait()

    def wait(self) -> None:
        """Until the reader goes on. Raises `Left`."""
        self.answer("Enter to go on ")

    def answer(self, prompt: str) -> str:
        """A line from the reader. Raises `Left`."""
        try:
            return read_line(prompt)
        except EOFError:
            raise Left from None

    def check(self) -> None:
        """Says whether the guess was right, once the answer is there."""
        if self._guessed is None:
            return
        (asked, guess, places), self._guessed = self._guessed, None
        payload = asked.place()
        right = is_right(guess, payload)
        self.guesses += 1
        self.right += right
        if right:
            self._terminal.say(f"Right: {guess}.")
        else:
            reason = why_not(asked.policy, asked.size, guess, payload, places)
            self._terminal.say(f"Not {guess}: {reason}.")


def play(terminal: Terminal, reader: Reader, number: int, chapter: Callable[[], Story]) -> None:
    """Plays one chapter to its end. Raises `Left`."""
    reader.begin(number)
    terminal.heading(f"{number}  {inspect.getdoc(chapter)}")
    with contextlib.closing(chapter()) as story:
        for source in steps(chapter):
            if source:
                terminal.code(source)
            with _catch_output(terminal.columns) as parts:
                told = next(story, None)
            if source:
                terminal.output(*parts)
                reader.check()
            if told is not None:
                reader.take(told)


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


class _Shown(io.TextIOBase):
    """What a step prints, in order: text, and pictures as they are. `columns`: its width."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.parts: list[str | Drawable] = []

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stdout for which this stands."""
        return getattr(sys.__stdout__, "encoding", None) or "ascii"

    def write(self, text: str) -> int:
        if self.parts and isinstance(self.parts[-1], str):
            self.parts[-1] += text
        else:
            self.parts.append(text)
        return len(text)


@contextlib.contextmanager
def _catch_output(columns: int) -> Iterator[list[str | Drawable]]:
    """Catches what is printed."""
    caught, before = _Shown(columns), builtins.print

    def show(*values: object, **options: Any) -> None:
        if len(values) == 1 and isinstance(values[0], Drawable) and not options:
            caught.parts.append(values[0])
        else:
            before(*values, **options)

    builtins.print = show
    try:
        with contextlib.redirect_stdout(caught):
            yield caught.parts
    finally:
        builtins.print = before
