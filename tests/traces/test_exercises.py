"""Exercises: `rheap replay --ops` and `--random`, step by step, and `--ask`."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time

import pytest
from terminal import CTRL_D, at_terminal

from rheap import _core
from rheap.commands.main import main
from rheap.traces.exercises import make_trace, parse_operations, random_operations

OPS = ["replay", "--ops", "+10,+20,-0,+8"]
FIRST = f"+0x{_core.FIRST_BLOCK + 8:x}"
SECOND = f"+0x{_core.FIRST_BLOCK + 8 + 24:x}"


def lines_of(out: str) -> list[str]:
    return [line.strip() for line in out.splitlines()]


@pytest.fixture
def answers(monkeypatch):
    """Gives the command these lines to read."""

    def give(*lines: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return give


def test_each_step_is_shown_with_the_map(capsys):
    assert main(OPS) == 0
    out = capsys.readouterr().out
    steps = [line for line in lines_of(out) if line.startswith(("+10", "+20", "-0", "+8"))]
    assert steps == [
        f"+10  allocation 0 goes to {FIRST}",
        f"+20  allocation 1 goes to {SECOND}",
        f"-0  frees {FIRST}",
        f"+8  allocation 2 goes to {FIRST}",
    ]
    assert out.count(f"+0x{_core.FIRST_BLOCK:x} |") == 4
    assert "|a.|###~b" in out


def test_what_does_not_fit_is_refused(capsys):
    assert main(["replay", "--ops", "+40,+40,-1,-0,+40", "--capacity", "64"]) == 0
    steps = [line for line in lines_of(capsys.readouterr().out) if "allocation" in line]
    assert steps[1] == "+40  allocation 1 is refused"
    assert main(["replay", "--ops", "+40,+40,-1", "--capacity", "64"]) == 0
    assert "-1  frees nothing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "operation 0, '', is neither +BYTES nor -ALLOCATION nor c"),
        ("c", "nothing is allocated: an exercise has an operation +BYTES"),
        ("+1,c5", "operation 1, 'c5', is neither"),
        ("+1,C", "operation 1, 'C', is neither"),
        ("10", "operation 0, '10', is neither"),
        ("+10,,+3", "operation 1, '', is neither"),
        ("+10,-x", "operation 1, '-x', is neither"),
        ("+1.5", "operation 0, '+1.5', is neither"),
        ("+10,-1", "operation 1, '-1': there are 1 allocations before it"),
        ("+10,-0,-0", "operation 2, '-0': allocation 0 was freed before"),
    ],
)
def test_operations_that_make_no_sense_are_refused(written, reason, capsys):
    with pytest.raises(SystemExit) as left:
        main(["replay", f"--ops={written}"])
    assert left.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("policy", ["segregated", "best"])
@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
def test_a_compaction_is_told_in_words(policy, coalesce, capsys):
    words = "c,+56,+56,+56,+56,+56,-0,-2,-4,+100,c,+100,c,-1,c,-6,-5"
    schemes = ["--policy", policy, "--coalesce", coalesce, "--capacity", "320"]
    assert main(["replay", "--ops", words, *schemes]) == 0
    shown = lines_of(capsys.readouterr().out)
    assert [line for line in shown if line.startswith("c ")] == [
        "c  no block moved; the free bytes are one hole now",
        "c  2 blocks slid down, 128 bytes; the free bytes are one hole now",
        "c  no block moved; the free bytes are one hole now",
        "c  2 blocks slid down, 176 bytes; the free bytes are one hole now",
    ]
    assert "+100  allocation 5 is refused" in shown
    assert "+100  allocation 6 goes to +0x5080" in shown
    assert "-1  frees +0x5000" in shown  # where it was moved to
    assert "-6  frees +0x5040" in shown
    assert "-5  frees nothing" in shown


def test_a_full_heap_is_compacted_to_no_hole(capsys):
    words = ["--ops", "+56,+48,c", "--capacity", "136"]  # what is left is no block
    assert main(["replay", *words]) == 0
    assert "c  no block moved; there is no hole" in capsys.readouterr().out


def test_nobody_is_asked_about_a_compaction(capsys, answers):
    answers("a", "", "a")
    assert main(["replay", "--ops", "+24,+24,-0,c,+24", "--ask"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "c 1 block slid down, 32 bytes" in out
    assert "2 of 2 guesses were right." in out


def test_a_size_that_no_trace_has_is_refused(capsys):
    assert main(["replay", "--ops", "+99999999999999"]) == 1
    assert "more than 1 TiB" in capsys.readouterr().err


def test_random_operations_are_sound_and_the_same_for_a_seed(capsys):
    words = random_operations(300, seed=5)
    assert words == random_operations(300, seed=5) != random_operations(300, seed=6)
    assert words == parse_operations(",".join(words))
    assert len(make_trace("exercise", words)) == 300
    assert main(["replay", "--random", "6", "--seed", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["traces"][0]["operations"] == 6
    assert found["traces"][0]["results"][0]["timing"] is None


def test_guesses_are_taken_before_the_answer(capsys, answers):
    answers("a", "here", SECOND, "b")
    assert main([*OPS, "--ask"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"+10 goes to: +10 allocation 0 goes to {FIRST} (right)" in out
    assert "'here' is none of a. Type the letter" in out
    assert f"allocation 1 goes to {SECOND} (right)" in out
    assert (
        f"allocation 2 goes to {FIRST} (not b: b fits, but the wilderness comes last, and the hole "
        "a is large enough)"
    ) in out
    assert "2 of 3 guesses were right." in out
    assert "peak utilisation" in out


def test_enter_alone_guesses_nothing(capsys, answers):
    answers("", "", FIRST)
    assert main([*OPS, "--ask"]) == 0
    out = capsys.readouterr().out
    assert f"allocation 1 goes to {SECOND}\n" in out
    assert "1 of 1 guesses were right." in out


def test_exercises_merge_at_once_as_textbooks_do(capsys):
    words = "+24,+24,+8,-0,-1"
    assert main(["replay", "--ops", words]) == 0
    assert "segregated, coalescing immediate" in (out := capsys.readouterr().out)
    assert "|a......|##" in out
    assert main(["replay", "--ops", words, "--coalesce", "deferred"]) == 0
    assert "|a--|b--|##" in capsys.readouterr().out


def test_the_free_lists_are_shown_in_their_order(capsys):
    words = "+24,+8,+24,+8,+40,+8,-0,-4,-2"
    assert main(["replay", "--ops", words]) == 0
    shown = lines_of(capsys.readouterr().out)
    assert shown.count("free list: empty") == 6
    first = shown.index("free list of 24 bytes: b +0x5038 (24 bytes), a +0x5000 (24 bytes)")
    assert shown[first + 1 : first + 3] == [
        "free list of 40 bytes: c +0x5070 (40 bytes)",
        "wilderness: d +0x50b8 (176 bytes)",
    ]
    assert main(["replay", "--ops", words, "--policy", "best"]) == 0
    assert (
        "free list, in address order: a +0x5000 (24 bytes), b +0x5038 (24 bytes), c +0x5070"
        in " ".join(capsys.readouterr().out.split())
    )


@pytest.mark.parametrize("policy", ["segregated", "best"])
def test_a_capacity_is_cut_to_whole_words(policy, capsys):
    words = ["--ops", "+8,+376,+369,+368", "--capacity", "407", "--policy", policy]
    assert main(["replay", *words]) == 0
    out = capsys.readouterr().out
    assert "wilderness: a +0x5018 (368 bytes)" in out
    assert "allocation 2 is refused" in out
    assert f"allocation 3 goes to {SECOND.replace('20', '18')}" in out


def test_quiet_shows_the_table_only(capsys):
    assert main(["replay", "--random", "60", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "peak utilisation" in out
    assert "a cell is" not in out and "goes to" not in out
    assert len(out.splitlines()) < 40


def test_quiet_goes_with_an_exercise_and_without_questions(capsys):
    assert main(["replay", "trace", "--quiet"]) == 2
    assert "--quiet goes with an exercise" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main([*OPS, "--quiet", "--ask"])
    assert left.value.code == 2


def test_the_end_of_the_input_ends_the_exercise(capsys, answers):
    answers(FIRST)
    assert main([*OPS, "--ask"]) == 0
    out = capsys.readouterr().out
    assert "1 of 1 guesses were right." in out
    assert "allocation 1" not in out
    assert "peak utilisation" not in out


def test_ctrl_c_ends_the_exercise():
    command = [sys.executable, "-m", "rheap", *OPS, "--ask"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None and process.stderr is not None
        while not process.stdout.read(1).endswith(b":"):
            pass
        time.sleep(0.3)  # until it reads: a signal just before that is noticed only behind it
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == b""


def test_what_is_no_text_is_no_answer():
    with at_terminal(*OPS, "--ask") as terminal:
        terminal.read(until="goes to:")
        assert "'?' is none of a." in terminal.enter("\udcff\udcfe", until="goes to:")
        assert "(right)" in terminal.enter("a", until="goes to:")
        assert terminal.type(CTRL_D).endswith("1 of 1 guesses were right.\n\n")
        assert terminal.status() == 0
