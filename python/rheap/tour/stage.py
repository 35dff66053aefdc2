"""Plays a chapter: shows its text, its code and what that code prints, in this order.

A chapter is a generator function. What it yields is prose; the statements between two yields are
a step: their source is shown, then they run, and what they print follows. So the code on the page
is the code that ran. The first line of the docstring is the title.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import os
import textwrap
from collections.abc import Callable, Generator, Iterator
from typing import ParamSpec, TypeVar, cast

from ..terminal import Terminal

Given = ParamSpec("Given")
Result = TypeVar("Result")
Story = Generator[str, None, None]


def play(
    terminal: Terminal,
    number: int,
    chapter: Callable[Given, Generator[str, None, Result]],
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
        if prose is not None:
            terminal.say(prose)
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
