"""The README is true: each code block runs, and what it prints is what it says it prints."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [
    line
    for language, text in BLOCKS
    for line in text.splitlines()
    if language == "sh" and line.startswith(".venv/bin/rheap")
]
SESSIONS = [text for language, text in BLOCKS if language == "pycon"]


def test_has_the_two_commands() -> None:
    commands = "".join(text for language, text in BLOCKS if language == "sh").splitlines()
    assert (
        "python3 -m venv .venv && .venv/bin/pip install '.[cli]' && .venv/bin/rheap tour"
        in commands
    )
    assert ".venv/bin/pip install '.[test]' && .venv/bin/pytest" in commands


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_code_runs(number: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PYTHON[number]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", range(len(SESSIONS)))
def test_sessions_print_what_they_say(number: int) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(SESSIONS[number], {}, "README", "README.md", 0)
    assert doctest.DocTestRunner(optionflags=flags).run(test).failed == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_do_what_they_say(command: str, tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "PROGRAM.py").write_text("import sys\nprint(sys.argv[1])\n")
    done = subprocess.run(
        command.replace(".venv/bin/rheap", f"{sys.executable} -m rheap"),
        shell=True,
        cwd=tmp_path,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = {path.name for path in tmp_path.iterdir()} - {"tests", "PROGRAM.py"}
    assert made == set(re.findall(r"run\.svg|PROGRAM\.trace\.gz", command))


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {language for language, _ in BLOCKS} <= {"python", "pycon", "sh", "text"}
