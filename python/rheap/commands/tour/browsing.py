"""The tour on a terminal: a chapter at a time, forth and back, never more than a screen at once."""

from __future__ import annotations

import contextlib

from ...console.terminal import Terminal
from .chapters import CHAPTERS, chapter_named, number_of, show_chapter, title_of
from .stage import Left, Reader

_HOW = (
    "Enter goes on. next and back turn to another chapter, and so does its number or its name; "
    "list shows all of them, ? what you can type, and quit (or Ctrl-D) ends the tour. The first "
    "letter is enough; only where letters are answers, type the whole word."
)
_STEP = "(`rheap tour --step` asks you in each chapter where the next block will go.)"
_WORDS = ("next", "back", "list", "quit")


class GoTo(Exception):  # noqa: N818  (it is no error)
    """The reader turns to another chapter: its number; 0 for the list."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Browser(Reader):
    """A reader who can type where to go, wherever the tour waits."""

    def __init__(self, terminal: Terminal, *, step: bool) -> None:
        super().__init__(terminal, step=step)
        terminal.pause_when_full(self.wait)

    def browse(self, number: int) -> None:
        """Shows a chapter (0: what there is to read), and then where the reader goes, to the last.

        Raises `Left`.
        """
        while number <= len(CHAPTERS):
            self.number = number
            try:
                if number == 0:
                    self._list()
                    self._terminal.say(_HOW if self._step else f"{_HOW} {_STEP}")
                else:
                    show_chapter(self._terminal, self, CHAPTERS[number - 1])
                self._end_of_chapter()
                number += 1
            except GoTo as turn:
                number = turn.number

    def wait(self) -> None:
        """Until the reader goes on. Raises `Left` or `GoTo`."""
        self._wait("Enter to go on, ? for help ")

    def answer(self, prompt: str) -> str:
        """A line that is an answer. Raises `Left` or `GoTo`."""
        while self._obeyed(line := self._line(prompt), letters=False):
            pass
        return line

    def _wait(self, prompt: str) -> None:
        while line := self._line(prompt).strip():
            if not self._obeyed(line, letters=True):
                self._terminal.say(f"{line!r} is none of the words here. {_HOW}")

    def _line(self, prompt: str) -> str:
        line = super().answer(prompt)
        self._terminal.start_screen()
        return line

    def _obeyed(self, line: str, *, letters: bool) -> bool:
        """Whether the line was one of the words by which readers move, which is done then.

        `letters`: numbers and first letters count, too.
        """
        word = line.strip().lower()
        if word in ("?", "help"):
            self._terminal.say(_HOW)
            return True
        if letters:
            word = next((each for each in _WORDS if each[0] == word), word)
        match word:
            case "quit":
                raise Left
            case "next":
                raise GoTo(self.number + 1)
            case "back":
                raise GoTo(max(self.number - 1, 0))
            case "list":
                self._list()
                return True
        if letters or not word.isdigit():
            with contextlib.suppress(ValueError):
                raise GoTo(number_of(chapter_named(word)))
        return False

    def _list(self) -> None:
        lines = [f"{number_of(name):2}  {name:10}  {title_of(name)}" for name in CHAPTERS]
        self._terminal.output("\n".join(lines))

    def _end_of_chapter(self) -> None:
        """Waits at the end of a chapter, and says what comes."""
        if self.number == len(CHAPTERS):
            prompt = "This was the last chapter. Enter: end, b: back, ?: help "
        else:
            prompt = f"Enter: {self.number + 1} {CHAPTERS[self.number]}, q: quit, ?: help "
        self._wait(prompt)
