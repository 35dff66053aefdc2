"""The tour on a terminal: a chapter at a time, forth and back."""

from __future__ import annotations

import importlib.util
import os
import re
import time
from pathlib import Path

import pytest
from terminal import CTRL_C, CTRL_D, Terminal, at_terminal

from rheap.commands.main import INTERRUPTED
from rheap.commands.tour import CHAPTERS

END = "?: help"  # of the prompt behind a chapter
PAUSE = "? for help"  # of the prompt within one
BAR = r"\x1b\[\?25l.*?\x1b\[\?25h\r?\x1b\[1A\x1b\[2K"
LINE = r"(?:\r?\x1b\[K[^\x1b\n]*)*\r?\x1b\[K"
PROGRESS = f"{BAR}|{LINE}"  # that comes and goes
TALL = 200  # rows: no chapter has more


def heading(text: str) -> list[str]:
    """The numbers of the chapters that were shown."""
    return re.findall(r"^(\d+)  \S.*\n[\u2500-]", text, re.MULTILINE)


def leave(terminal: Terminal) -> None:
    assert "You left the tour" in terminal.enter("q")
    assert terminal.status() == 0


def test_the_first_screen_says_what_there_is_and_how_to_move() -> None:
    with at_terminal("tour", rows=30) as terminal:
        screen = terminal.read(until=END)
        assert [line.split()[1] for line in re.findall(r"^ +\d+  .*", screen, re.M)] == [*CHAPTERS]
        assert all(word in screen for word in ("next", "back", "list", "quit", "Enter", "--step"))
        assert heading(screen) == []
        assert len(screen.splitlines()) < 30
        assert terminal.enter("q").endswith("\nYou left the tour.\n\n")
        assert terminal.status() == 0


def test_forth_and_back() -> None:
    with at_terminal(rows=TALL) as terminal:
        terminal.read(until=END)
        for typed, shown in [
            ("", "1"), ("", "2"), ("n", "3"), ("next", "4"), ("b", "3"), ("back", "2"), ("5", "5"),
            ("word", "1"), ("WORD", "1"), ("12", "12"), (" 4 ", "4"),
        ]:  # fmt: skip
            assert heading(terminal.enter(typed, until=END)) == [shown], typed
        for typed in ("l", "list"):
            listed = terminal.enter(typed, until=END)
            assert all(name in listed for name in CHAPTERS)
            assert heading(listed) == []
        assert "Enter goes on." in terminal.enter("?", until=END)
        assert "Enter: 5 defrag" in terminal.enter("help", until=END)
        for typed in ("0", "15", "99999999999999999999", "nowhere", "-1", "q uit", "٣"):
            assert f"{typed!r} is none of the words here." in terminal.enter(typed, until=END)
        assert heading(terminal.enter("", until=END)) == ["5"]
        leave(terminal)


def test_from_the_first_chapter_back_is_the_list() -> None:
    with at_terminal("tour", "word", rows=TALL) as terminal:
        assert heading(terminal.read(until=END)) == ["1"]
        listed = terminal.enter("b", until=END)
        assert "program" in listed and heading(listed) == []
        assert heading(terminal.enter("b", until=END)) == []
        assert heading(terminal.enter("", until=END)) == ["1"]
        leave(terminal)


def test_behind_the_last_chapter_is_the_end() -> None:
    with at_terminal("tour", "figures", rows=TALL) as terminal:
        terminal.read(until=END)
        assert "This was the last chapter." in terminal.enter("", until=END)
        assert heading(terminal.enter("b", until=END)) == ["13"]
        terminal.enter(str(len(CHAPTERS)), until=END)
        assert "That was the tour." in terminal.enter()
        assert terminal.status() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chapter", "rows", "columns"),
    [("4", 12, 80), ("4", 24, 80), ("4", 40, 80), ("4", 24, 40), ("14", 24, 80), ("13", 8, 80)],
)
@pytest.mark.parametrize("without", ["", "rich"])
def test_nothing_is_pushed_off_the_screen_unread(
    chapter: str, rows: int, columns: int, without: str, tmp_path: Path
) -> None:
    if without:
        (tmp_path / f"{without}.py").write_text("raise ImportError('blocked')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with at_terminal("tour", chapter, rows=rows, columns=columns, PYTHONPATH=path) as terminal:
        screens = [terminal.read(until="help")]
        while not screens[-1].rstrip().endswith(END):
            screens.append(terminal.enter("", until="help"))
        assert heading("".join(screens)) == [chapter]
        assert len(screens) > 2
        for screen in screens:
            shown = re.sub(PROGRESS, "", screen, flags=re.DOTALL)
            lines = shown.removeprefix("\n").split("\n")  # what follows what was typed
            assert sum(-(-len(line) // columns) or 1 for line in lines) <= rows, screen
        leave(terminal)


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "shown"), [("n", "5"), ("b", "3"), ("9", "9"), ("word", "1")])
def test_a_reader_turns_the_page_in_the_middle_of_a_chapter(typed: str, shown: str) -> None:
    with at_terminal("tour", "4", rows=20) as terminal:
        terminal.read(until=PAUSE)
        assert "holes" in terminal.enter("l", until=PAUSE)
        assert heading(terminal.enter(typed, until="help")) == [shown]
        leave(terminal)


@pytest.mark.slow
@pytest.mark.parametrize("chapter", ["holes", "processes"])
@pytest.mark.parametrize("typed", [CTRL_C, CTRL_D, "q\n", "quit\n"])
def test_it_ends_cleanly_at_any_time(chapter: str, typed: str) -> None:
    with at_terminal("tour", chapter, rows=30) as terminal:
        terminal.read(until=PAUSE)
        terminal.enter("", until=PAUSE)  # there the second process runs
        time.sleep(0.3)  # until it reads: a signal just before that is noticed only behind it
        rest = terminal.type(typed)
        assert terminal.status() == (INTERRUPTED if typed == CTRL_C else 0)
        assert "Traceback" not in rest
        assert rest.endswith("\n")
        number = CHAPTERS.index(chapter) + 1
        assert (f"You left the tour at chapter {number}." in rest) == (typed != CTRL_C)


def test_guesses_are_letters_and_words_still_move() -> None:
    asks = "your guess:"
    with at_terminal("tour", "--step", "policies", rows=TALL) as terminal:
        terminal.read(until=PAUSE)
        question = terminal.enter("", until=asks)
        assert "|a..............|##|b..........|##|c......................|##" in question
        assert "Enter goes on." in terminal.enter("?", until=asks)
        assert "'n' is none of a, b, c." in terminal.enter("n", until=asks)
        assert "'5' is none of a, b, c." in terminal.enter("5", until=asks)
        answer = " ".join(terminal.enter("c", until=asks).split())
        assert "Not c: c fits, but best fit takes the tightest: b has 88 bytes, c 184." in answer
        assert "Right: none." in terminal.enter("none", until=asks)
        assert heading(terminal.enter("next", until=PAUSE)) == ["7"]
        assert "1 of 2 guesses were right." in terminal.enter("q")
        assert terminal.status() == 0


def test_a_chapter_may_be_left_between_a_guess_and_its_answer() -> None:
    with at_terminal("tour", "--step", "word", rows=9) as terminal:
        shown = terminal.read(until="help")
        while "your guess:" not in shown:
            shown = terminal.enter("", until=("help", "your guess:"))
        assert "Right" not in terminal.enter("a", until=PAUSE)
        shown = terminal.enter("figures", until="help")
        assert heading(shown) == ["13"]
        while not shown.rstrip().endswith(END):
            shown = terminal.enter("", until="help")
        leave(terminal)
        assert "guesses were right" not in terminal.screen


def test_all_is_written_at_once_where_it_is_asked_for() -> None:
    with at_terminal("tour", "--all", rows=24) as terminal:
        assert heading(terminal.read()) == [str(n + 1) for n in range(len(CHAPTERS))]
        assert "That was the tour." in terminal.screen
        assert "help" not in terminal.screen.split("That was the tour.")[0][-200:]
        assert terminal.status() == 0


@pytest.mark.slow
@pytest.mark.parametrize("columns", [20, 40, 120])
def test_it_keeps_to_the_width(columns: int) -> None:
    with at_terminal("tour", columns=columns, rows=TALL) as terminal:
        screen = terminal.read(until="help") + terminal.enter("?", until="help")
        lines = [line for line in screen.splitlines() if not line.startswith("Enter: ")]
        assert all(len(line) <= columns or len(line.split()) == 1 for line in lines)
        leave(terminal)


@pytest.mark.skipif(importlib.util.find_spec("rich") is None, reason="needs rich")
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_no_color_is_honoured_there_too(variables: dict[str, str]) -> None:
    with at_terminal("tour", "word", rows=TALL, **variables) as terminal:
        terminal.read(until=END)
        coloured = re.search(r"\x1b\[(?:[0-9;]*;)?[34][0-9]", terminal.painted)
        assert (coloured is None) == bool(variables)
        leave(terminal)
