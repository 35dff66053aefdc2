"""`rheap tour --step`: it waits, asks where the next block will go, and says when one was right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import pytest

from rheap.commands.main import main
from rheap.commands.tour import CHAPTERS
from rheap.commands.tour.stage import steps
from rheap.console.guessing import take_guess

ANSWERS = {
    "word": ["5020"],
    "splitting": ["+0x5000", "0x5020"],
    "freeing": ["5038", "5000"],
    "holes": ["none", "5000"],
    "defrag": ["5000"],
    "policies": ["5098", "None", "none"],
}
Reading = Callable[[list[str]], list[str]]


def stepping(chapter: str, answers: str) -> str:
    """What is written to somebody who types these lines and then ends the input."""
    done = subprocess.run(
        [sys.executable, "-m", "rheap", "tour", "--step", *chapter.split()],
        input=answers,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    """Types these guesses, and Enter at every other prompt; gives the prompts."""

    def read(guesses: list[str]) -> list[str]:
        prompts, left = [], iter(guesses)

        def typed(prompt: str) -> str:
            prompts.append(prompt)
            return next(left) if "guess" in prompt else ""

        monkeypatch.setattr("builtins.input", typed)
        return prompts

    return read


@pytest.mark.parametrize("chapter", ANSWERS)
def test_every_question_has_the_answer_that_is_shown(
    chapter: str, reading: Reading, capsys: pytest.CaptureFixture[str]
) -> None:
    guesses = ANSWERS[chapter]
    prompts = reading(guesses)
    assert main(["tour", "--step", chapter]) == 0
    assert prompts.count("your guess: ") == len(guesses)
    text = capsys.readouterr().out
    assert f"\n{len(guesses)} of {len(guesses)} guesses were right." in text
    assert "No: " not in text


def test_only_these_chapters_ask() -> None:
    asking = [name for name in CHAPTERS if "Ask(" in source_of(name)]
    assert sorted(asking) == sorted(ANSWERS)


def source_of(chapter: str) -> str:
    path = import_module(f"rheap.commands.tour.{chapter}").__file__
    assert path is not None
    with open(path) as file:
        return file.read()


def test_the_question_comes_before_the_code() -> None:
    text = stepping("word", "\n+0x9999\n\n")
    assert "No: +0x5020, not +0x9999." in text
    assert "0 of 1 guesses were right." in text
    assert text.index("your guess") < text.index(">>> second")


def test_nonsense_is_asked_again() -> None:
    text = stepping("word", "\nhere\n-5\n5 020\n+0x5020\n\n")
    assert text.count("is no offset") == 3
    assert "'here' is no offset; type one in hexadecimal" in text
    assert "1 of 1 guesses were right." in text


def test_enter_alone_guesses_nothing() -> None:
    text = stepping("policies", "\n" * 5)
    assert "Next, try:" in text
    assert "guesses were right" not in text
    assert "Right" not in text


def test_the_end_of_the_input_is_told_where_it_is() -> None:
    assert "Enter to go on \nYou left the tour at chapter 6.\n" in stepping("policies", "")
    assert "your guess: \nYou left the tour at chapter 1.\n" in stepping("", "\n")
    text = stepping("", "\n5020\n\n" + "\n" * pauses("splitting"))
    assert text.endswith(
        "Enter to go on \n1 of 1 guesses were right.\n\nYou left the tour at chapter 3.\n\n"
    )
    assert "That was the tour." not in text


def pauses(chapter: str) -> int:
    """How often a chapter waits: each of its steps ends in prose or a question but the last."""
    return len(list(steps(import_module(f"rheap.commands.tour.{chapter}").chapter))) - 1


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("+0x5030", "+0x5030"),
        ("0x5030", "+0x5030"),
        ("5030", "+0x5030"),
        (" +5AbC ", "+0x5abc"),
        ("none", "none"),
        ("NONE", "none"),
        ("", None),
        ("  ", None),
    ],
)
def test_a_guess_is_hexadecimal_as_the_map_writes_it(
    typed: str, taken: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: typed)
    assert take_guess("? ") == taken


@pytest.mark.parametrize("typed", ["here", "-1", "+", "0x", "+-5", "5_030", "5.0", "0x0x50", "٣"])
def test_what_is_no_guess_is_told_the_rule(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter([typed, "none"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    assert take_guess("? ") == "none"
    text = capsys.readouterr().out
    assert f"{typed!r} is no offset" in text
    assert "+0x5abc, 0x5abc or 5abc" in text
