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

ANSWERS = {  # letters, offsets and sizes
    "word": ["a"],
    "splitting": ["A", "0x5020"],
    "freeing": ["b", "5000"],
    "holes": ["none", "184"],
    "defrag": ["a"],
    "policies": ["88", "None", "none"],
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
    assert "Not " not in text.replace("Nothing", "")


def test_only_these_chapters_ask() -> None:
    asking = [name for name in CHAPTERS if "Ask(" in source_of(name)]
    assert sorted(asking) == sorted(ANSWERS)


def source_of(chapter: str) -> str:
    path = import_module(f"rheap.commands.tour.{chapter}").__file__
    assert path is not None
    with open(path) as file:
        return file.read()


def test_the_question_comes_before_the_code() -> None:
    text = stepping("word", "\nnone\n\n")
    assert "Not none: a has room for it: 472 bytes." in text
    assert "0 of 1 guesses were right." in text
    assert text.index("your guess") < text.index(">>> second")


def test_the_places_stand_on_the_map_that_is_asked_about() -> None:
    text = stepping("policies", "\na\nb\na\n\n")
    assert "|a..............|##|b..........|##|c......................|##" in text
    assert "a +0x5000 (120 bytes), b +0x5098 (88 bytes), c +0x5110 (184 bytes)" in text
    told = " ".join(text.split())
    assert "Not a: a fits, but best fit takes the tightest: b has 88 bytes, a 120." in told
    assert "Not b: b is too small: it has room for 88 bytes, and 152 are needed." in told


def test_nonsense_is_asked_again() -> None:
    text = stepping("word", "\nhere\n-5\n5 020\n+0x5020\n\n")
    assert text.count("is none of a. Type") == 3
    assert "'here' is none of a. Type the letter of a place on the map" in text
    assert "1 of 1 guesses were right." in text


def test_enter_alone_guesses_nothing() -> None:
    text = stepping("policies", "\n" * 5)
    assert "Next, try:" in text
    assert "guesses were right" not in text
    assert "Right" not in text


def test_the_end_of_the_input_is_told_where_it_is() -> None:
    assert "Enter to go on \nYou left the tour at chapter 6.\n" in stepping("policies", "")
    assert "your guess: \nYou left the tour at chapter 1.\n" in stepping("", "\n")
    text = stepping("", "\na\n\n" + "\n" * pauses("splitting"))
    assert text.endswith(
        "Enter to go on \n1 of 1 guesses were right.\n\nYou left the tour at chapter 3.\n\n"
    )
    assert "That was the tour." not in text


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["tour --step word", "replay --ops +8 --ask"])
def test_where_nobody_can_answer_it_ends(command: str, closed: str) -> None:
    program = f'"{sys.executable}" -m rheap {command} {closed}'
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def pauses(chapter: str) -> int:
    """How often a chapter waits: each of its steps ends in prose or a question but the last."""
    return len(list(steps(import_module(f"rheap.commands.tour.{chapter}").chapter))) - 1
