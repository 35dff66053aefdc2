"""Text for a terminal: with rich in colour, without it plain, and the same words in both."""

from __future__ import annotations

import ast
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..pictures.painting import paint
from ..pictures.segments import Line, Segment, plain, wrap

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MARGIN = "  "
PROMPT, MORE = ">>> ", "... "
_PROSE = 80  # columns: longer lines tire the eye
_WIDEST = 104  # of code and output


@runtime_checkable
class Drawable(Protocol):
    """What is drawn as lines of segments, as maps are."""

    def lines(self, width: int, /) -> Iterator[Line]: ...


class Terminal:
    """Writes to stdout: in colour when that is a terminal and rich is there, else plain.

    `width`: columns of the terminal, `COLUMNS` first. NO_COLOR is honoured.
    """

    def __init__(self) -> None:
        columns, self._height = shutil.get_terminal_size()
        self.width = max(getattr(sys.stdout, "columns", columns), 20)  # less of it in the tour
        self._is_terminal = sys.stdout is not None and sys.stdout.isatty()
        self._console = _make_console(self.width) if self._is_terminal else None
        self._pause: Callable[[], object] | None = None
        self._written = 0  # lines on the screen that may not have been read yet
        self._rule = encodable("\N{BOX DRAWINGS LIGHT HORIZONTAL}", "-")

    @property
    def is_interactive(self) -> bool:
        """Whether somebody sits there who can answer."""
        return self._is_terminal and sys.stdin is not None and sys.stdin.isatty()

    def pause_when_full(self, pause: Callable[[], object]) -> None:
        """Calls `pause` from now on before something new would push what was written off the
        screen."""
        self._pause = pause

    def start_screen(self) -> None:
        """What was written so far has been read."""
        self._written = 0

    @property
    def could_use_rich(self) -> bool:
        """Whether there would be colour if rich were installed."""
        return self._is_terminal and self._console is None

    @property
    def columns(self) -> int:
        """Columns that `output` has for a line."""
        return min(self.width, _WIDEST) - len(MARGIN)

    def heading(self, text: str) -> None:
        """The start of a chapter."""
        self._put()
        self._put(_wrap(text, self._prose), "bold")
        self._put(self._rule * self._prose, "dim")

    def say(self, text: str) -> None:
        """A paragraph."""
        self._put(_wrap(" ".join(text.split()), self._prose))
        self._put()

    def code(self, source: str) -> None:
        """Python source, as at the prompt."""
        prompts = dict.fromkeys(range(1, source.count("\n") + 2), "")
        for statement in ast.parse(source).body:
            last = statement.end_lineno or statement.lineno
            prompts |= dict.fromkeys(range(statement.lineno + 1, last + 1), MORE)
            prompts[statement.lineno] = PROMPT
        lines = []
        for number, line in enumerate(source.splitlines(), 1):
            first, *more = _fold(line, self.columns - len(PROMPT))
            lines.append((prompts[number] + first).rstrip())
            lines += [MORE + part for part in more]
        text = textwrap.indent("\n".join(lines), MARGIN)
        self._put(text if self._console is None else _painted_code(text))

    def output(self, *shown: str | Drawable) -> None:
        """What code showed: text, and pictures, which are drawn in colour."""
        whole = [
            (Segment(MARGIN), *line)
            for part in shown
            for line in (
                part.lines(self.columns) if isinstance(part, Drawable) else self._folded(part)
            )
        ]
        if whole:
            self._put(plain(whole) if self._console is None else paint(whole))
        self._put()

    def to_paste(self, title: str, lines: str) -> None:
        """Lines for somebody's prompt: whole, whatever the width, and with no margin."""
        self._put(title)
        self._put(lines, "bold")
        self._put()

    def table(self, header: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Rows of a name and figures under a header; as many tables as the width needs."""
        lines = list(rows)
        name_width = max(len(name) for name in [header[0], *(name for name, _ in lines)])
        columns = [
            [title, *(figures[number] for _, figures in lines)]
            for number, title in enumerate(header[1:])
        ]
        width = 2 + max(len(cell) for column in columns for cell in column)
        fitting = max((self.width - name_width) // width, 1)
        names = [header[0], *(name for name, _ in lines)]
        for first in range(0, len(columns), fitting):
            for number, cells in enumerate(zip(*columns[first : first + fitting], strict=True)):
                line = names[number].ljust(name_width) + "".join(f"{c:>{width}}" for c in cells)
                self._put(line, "" if number else "bold")
            self._put()

    def _folded(self, text: str) -> Iterator[Line]:
        for line in text.splitlines():
            for part in _fold(line, self.columns):
                yield (Segment(part),) if part else ()

    @property
    def _prose(self) -> int:
        return min(self.width, _PROSE)

    def _put(self, text: str | Text = "", style: str = "") -> None:
        for part in self._screenfuls(text):
            if self._console is None:
                print(part, flush=True)
            else:
                self._console.print(part, style=style, soft_wrap=True)

    def _screenfuls(self, text: str | Text) -> Iterator[str | Text]:
        """The text in one part, or in several with pauses between them where it needs screens."""
        if self._pause is None:
            yield text
            return
        lines: list[Any] = list(
            text.split("\n") if isinstance(text, str) else text.split("\n", allow_blank=True)
        )
        between: Any = "\n" if isinstance(text, str) else text.blank_copy("\n")
        heights = [-(-len(line) // self.width) or 1 for line in lines]
        self._make_room(sum(heights))
        first = 0
        for number, height in enumerate(heights):
            if self._written + height >= self._height and number > first:
                yield between.join(lines[first:number])
                first = number
                self._make_room(height)
            self._written += height
        yield between.join(lines[first:])

    def _make_room(self, lines: int) -> None:
        """Pauses if so many lines more would push unread ones off the screen, the prompt's too."""
        if self._pause and self._written and self._written + lines >= self._height:
            self.start_screen()
            self._pause()


def read_line(prompt: str) -> str:
    """A line that somebody types behind the prompt.

    Raises `EOFError` when the input has ended, also where there is none.
    """
    if sys.stdin is None or sys.stdout is None:
        raise EOFError
    try:
        return input(prompt)
    except UnicodeDecodeError:
        return "?"  # what is no text asks for help
    except (EOFError, KeyboardInterrupt):
        print()  # the prompt's line ends
        raise


def _make_console(width: int) -> Console | None:
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _painted_code(text: str) -> Text:
    from rich.syntax import Syntax

    painted = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(text)
    painted.rstrip()
    painted.highlight_regex(r"(?m)^\s*(>>>|\.\.\.)( |$)", "dim")
    return painted


def _wrap(text: str, width: int, indent: str = "") -> str:
    return plain(wrap((Segment(text),), width, indent, break_words=False))


def _fold(line: str, width: int) -> list[str]:
    """A line in parts of at most `width` columns, broken at spaces, the rest indented."""
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())] + "    "
    return _wrap(line, width, indent).split("\n")


def encodable(text: str, instead: str) -> str:
    """`text` where stdout can show it."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return instead
    return text
