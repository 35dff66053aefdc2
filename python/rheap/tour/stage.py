"""Plays a chapter: shows its text, its code and what that code prints, in this order.

A chapter is a generator function. What it yields is prose; the statements between two yields are
a step: their source is shown, then they run, and what they print follows. So the code on the page
is the code that ran. The first line of the docstring is the title. A chapter may also yield a
question (`Ask`), whose answer the next step gives.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import os
import textwrap
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import ParamSpec, TypeVar, cast

from ..terminal import Terminal

Given = ParamSpec("Given")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that the next step answers; `answer` is called after it."""

    question: str
    answer: Callable[[], str]


Story = Generator[str, None, None]
Chapter = Generator[str | Ask, None, None]


class Reader:
    """Who reads: goes straight on, or waits at each step and guesses."""

    def __init__(self, terminal: Terminal, *, step: bool) -> None:
        self._terminal = terminal
        self._step = step
        self._guess = ""
        self._asked: Ask | None = None
        self.right = self.asked = 0

    def take(self, told: str | Ask) -> None:
        """Shows prose, or a question. Raises `EOFError` when the reader's input ends."""
        self._terminal.say(told if isinstance(told, str) else told.question)
        if isinstance(told, Ask):
            self._asked = told
            self._guess = self._input("your guess (Enter to skip): ")
        elif self._step:
            self._input("Enter to go on ")

    def answer(self) -> None:
        """Says whether the guess was right, once the answer is there."""
        if self._asked is None:
            return
        answer, guess = self._asked.answer(), self._guess.lower()
        self._asked = None
        if not guess:
            return
        self.asked += 1
        is_right = guess.removeprefix("+").removeprefix("0x") == answer.removeprefix("+0x")
        self.right += is_right
        self._terminal.say(f"Right: {answer}." if is_right else f"No: {answer}, not {guess}.")

    def _input(self, prompt: str) -> str:
        return input(prompt).strip() if self._step else ""


def play(
    terminal: Terminal,
    reader: Reader,
    number: int,
    chapter: Callable[Given, Generator[str | Ask, None, Result] | Generator[str, None, Result]],
    *args: Given.args,
    **kwargs: Given.kwargs,
) -> Result:
    """Plays one chapter, called with these arguments, to its end; returns what it returns."""
    terminal.heading(f"{number}  {inspect.getdoc(chapter)}")
    story = chapter(*args, **kwargs)
    result: Result | None = None
    for source in steps(chapter):
        if source:
            terminal.code(source)
        prose = None
        with _captured(terminal.columns) as printed:
            try:
                prose = next(story)
            except StopIteration as end:
                result = end.value
        if source:
            terminal.output(printed.getvalue())
            reader.answer()
        if prose is not None:
            reader.take(prose)
    return cast(Result, result)


def steps(chapter: Callable[..., object]) -> Iterator[str]:
    """The source of each step of a chapter; of its arguments and its return nothing is shown."""
    lines = textwrap.dedent(inspect.getsource(chapter)).splitlines()
    (function,) = ast.parse("\n".join(lines)).body
    assert isinstance(function, ast.FunctionDef)
    step: list[ast.stmt] = []
    for statement in [*function.body[1:], None]:
        if statement is None or _is_yield(statement):
            yield _source(lines, step)
            step = []
        elif not isinstance(statement, ast.Return):
            step.append(statement)


def _is_yield(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield)


def _source(lines: list[str], step: list[ast.stmt]) -> str:
    if not step:
        return ""
    first, last = step[0].lineno - 1, step[-1].end_lineno
    return textwrap.dedent("\n".join(lines[first:last])).strip()


@contextlib.contextmanager
def _captured(columns: int) -> Iterator[io.StringIO]:
    """Catches what is printed, and has maps drawn as wide as `columns`."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            yield printed
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
