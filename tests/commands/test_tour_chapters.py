"""What each chapter of the tour shows, that its prose says the same, and what it says to try."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from importlib import import_module
from pathlib import Path

import pytest

from rheap._core import Inspection
from rheap.commands import view
from rheap.commands.arguments import make_exercise, schemes_of
from rheap.commands.main import main, make_parser
from rheap.commands.tour import CHAPTERS
from rheap.commands.tour.stage import Reader, play, steps
from rheap.console.terminal import MARGIN, Drawable, Terminal
from rheap.pictures.heapmap import RegionMap

BYTES = re.compile(r"^ +\+0x[0-9a-f]+ .*?(?:[0-9a-f]{2} ){7}[0-9a-f]{2}\b", re.MULTILINE)
NUMBER = re.compile(r"\+0x[0-9a-f]+|\d+(?:[.,]\d+)*")
PLACE = re.compile(r"\+0x[0-9a-f]+")
TOLD_AS_OPERATIONS = {"word", "splitting", "freeing", "holes", "defrag", "policies", "moving"}
LAYOUT = {"8", "24", "0"}  # bytes of a word, of the smallest block and bits of a check code, bit 0
SOURCES = {"policies": {"1", "2.5"}}  # volume and section of a book


@pytest.fixture(autouse=True)
def _wide_enough_for_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def told(chapter: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `rheap tour CHAPTER` writes."""
    assert main(["tour", chapter]) == 0
    return capsys.readouterr().out


def rows(text: str) -> list[str]:
    """The rows of the maps of small heaps."""
    return re.findall(r"^  \+0x\w+ (\S{56,64})$", text, re.MULTILINE)


class Notes(Terminal):
    """Keeps prose apart from what the run shows."""

    def __init__(self) -> None:
        super().__init__()
        self.prose = ""
        self.run = ""

    def say(self, text: str) -> None:
        self.prose += f"{text}\n"

    def code(self, source: str) -> None:
        self.run += f"{source}\n"

    def output(self, *shown: str | Drawable) -> None:
        for part in shown:
            self.run += f"{part}\n"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_stands_alone(chapter: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(chapter, capsys)
    number = list(CHAPTERS).index(chapter) + 1
    assert re.findall(r"^(\d+)  \S.*\n[\u2500-]", text, re.MULTILINE) == [str(number)]
    assert "That was the tour." not in text
    assert "each with `rheap tour CHAPTER`" in text
    others = text[text.index("The other chapters") :]
    assert {name for name in CHAPTERS if re.search(rf"\b{name}\b", others)} == {*CHAPTERS} - {
        chapter
    }


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_prose_names_no_figure_that_is_not_shown(chapter: str) -> None:
    notes = Notes()
    play(
        notes, Reader(notes, step=False), 1, import_module(f"rheap.commands.tour.{chapter}").chapter
    )
    figures = set(NUMBER.findall(notes.prose)) - LAYOUT - SOURCES.get(chapter, set())
    assert figures <= set(NUMBER.findall(notes.run))


@pytest.mark.parametrize("chapter", ["word", "splitting", "freeing", "holes", "defrag", "damage"])
def test_shows_the_bytes(chapter: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(BYTES.findall(told(chapter, capsys))) >= 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chapter", "without"), [*((name, "") for name in CHAPTERS), ("arrays", "numpy")]
)
def test_what_to_try_next_can_be_pasted(chapter: str, without: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "COLUMNS": "40",  # narrower than the lines: they must not be broken
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    }
    if without:
        (tmp_path / f"{without}.py").write_text("raise ImportError('blocked')\n")
    done = run(f"rheap tour {chapter}", "", tmp_path, environment)
    found = re.search(r"^Next, try:\n((?:.+\n)+)\n", done.stdout, re.MULTILINE)
    assert found
    lines = found.group(1)
    if lines.startswith("rheap "):
        assert lines.count("\n") == 1
        done = run(lines, "none\n" * 20 if "--ask" in lines else "", tmp_path, environment)
        assert done.returncode == 0
        for file in re.findall(r"--svg (\S+)", lines):
            assert (tmp_path / file).read_text().startswith("<svg")
        assert done.stdout or "--svg" in lines
    else:
        assert lines.startswith("import ")
        assert lines.count("\n") <= 3
        done = run(f"{sys.executable} -i -q", lines, tmp_path, environment)
        assert done.stdout
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def run(
    command: str, typed: str, folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env=environment,
    )


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_the_player_shows_is_what_the_chapter_shows(
    chapter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(chapter, capsys)
    commands = re.findall(r"^The same in the player, step by step:\n(.*)\n\n", text, re.MULTILINE)
    assert len(commands) == (chapter in TOLD_AS_OPERATIONS)
    for command in commands:
        options = parsed(command)
        schemes = schemes_of(options)
        _, trace, capacity = make_exercise(options)
        drawn, payloads = set(), []
        for scheme in schemes:
            inspection = scheme.inspect(trace, capacity)
            for _ in range(len(trace)):
                payloads.append(inspection.step())
                drawn.update(rows(MARGIN + drawing(inspection, capacity)))
        shown = rows(text)
        if chapter == "moving":  # a heap that moves by itself, and a pin, are no operations
            shown = [shown[0], shown[-1]]
        assert {*shown} <= drawn
        assert {f"+0x{payload:x}" for payload in payloads[-1:] if payload} <= {*PLACE.findall(text)}


def parsed(command: str) -> argparse.Namespace:
    """What the command's own parser makes of a line that the tour prints."""
    words = shlex.split(command)
    assert words[:2] == ["rheap", "view"]
    assert words[-2] == "-o" and words[-1].endswith(".html")
    alone = argparse.ArgumentParser()
    view.add_arguments(alone)
    if "-o " not in alone.format_help():
        words = words[:-2]
    return make_parser().parse_args(words[1:])


def drawing(inspection: Inspection, capacity: int) -> str:
    return RegionMap.of_rows(inspection.rows(), capacity).draw(80 - len(MARGIN))


def test_a_word_stands_before_each_payload(capsys: pytest.CaptureFixture[str]) -> None:
    text = told("word", capsys)
    assert "<rheap.Block of 24 bytes at +0x5000, live>" in text
    assert "68 65 6c 6c 6f 00 00 00" in text  # hello
    assert "<rheap.Block of 20 bytes at +0x5020, live> reserved: 24" in text


def test_a_hole_is_split_but_for_a_rest_that_is_no_block(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told("splitting", capsys)
    assert rows(text) == ["|.........|##" + 51 * "~"]
    assert "The hole has 40 bytes, and 32 are asked for." in text
    assert "<rheap.Block of 32 bytes at +0x5020, live> reserved: 40" in text


def test_the_block_that_was_freed_last_goes_first(capsys: pytest.CaptureFixture[str]) -> None:
    text = told("freeing", capsys)
    assert re.findall(r"Block of 24 bytes at \+0x(\w+)", text) == ["5038", "5000"]
    assert "in the one before: f8 4f 00 00 00 00 00 00" in text  # +0x4ff8, the word of the other
    assert len(re.findall(r"f8 4f 00 00 00 00 00 00", text)) == 2


def test_a_hole_that_is_made_larger_serves_what_was_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told("holes", capsys)
    assert rows(text) == [
        4 * "|-------|#######",
        "|.......................|#######" + 2 * "|.......|#######",
        "|#############|.........|#######" + 2 * "|.......|#######",
    ]
    assert "Block of 100 bytes at +0x5000" in text
    part = [float(found) for found in re.findall(r"fragmentation\s+([\d.]+)%", text)]
    assert part[-2] < part[-1] < part[0]  # it fell, and rose


def test_three_blocks_are_seen_to_become_one(capsys: pytest.CaptureFixture[str]) -> None:
    text = told("defrag", capsys)
    live, freed = "|" + 13 * "#", "|" + 13 * "-"
    wide = "|" + 38 * "#" + "|.."
    assert rows(text) == [3 * freed + live + 8 * "~", wide + live + 8 * "~"]
    assert "merges: 2" in text
    told_in_a_line = " ".join(text.split())
    assert "largest request 104 B (328 B merged)" in told_in_a_line
    assert "largest request 328 B, fragmentation" in told_in_a_line
    assert "make a hole of 328 bytes" in told_in_a_line
    fell = re.search(r"fragmentation fell from ([\d.]+)% to ([\d.]+)%", told_in_a_line)
    assert fell is not None and float(fell.group(2)) < float(fell.group(1))


def test_three_policies_three_places(capsys: pytest.CaptureFixture[str]) -> None:
    places = re.findall(r"(\w+) fit: (\S+)", told("policies", capsys))
    requests = [dict(places[first : first + 3]) for first in (0, 3, 6)]
    assert requests == [
        {"first": "+0x5000", "best": "+0x5098", "worst": "+0x5110"},
        {"first": "+0x5110", "best": "+0x5110", "worst": "refused"},
        {"first": "refused", "best": "+0x5000", "worst": "+0x5000"},
    ]


def test_what_somebody_sees_stays_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = told("handles", capsys)
    assert rows(text) == [
        "|LLLLL" + 58 * "~",
        "|-----|PPPPP|XXXXX|#############" + 32 * "~",
    ]
    assert "resized: <rheap.Block of 100 bytes at +0x5090, live> reads b'hello'" in text
    assert re.findall(r"cannot resize block at \+0x(\w+)", text) == ["5060", "5030"]


def test_the_smashed_word_stands_where_the_healthy_one_did(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told("damage", capsys)
    healthy, smashed = re.findall(r"^ +\+0x5028 .*?((?:[0-9a-f]{2} ?){8})", text, re.MULTILINE)
    assert smashed.split() == ["41"] * 8 != healthy.split()
    assert healthy.startswith("28 00 00 00 00 ")
    assert f"{0x4141414141 >> 3:,} x 8 bytes, check 414141" in text
    assert text.count("0x5028") == 4  # both, and both errors


def test_the_figures_are_of_the_work_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    text = told("figures", capsys)
    figure = {
        name: int(value.replace(",", ""))
        for name, value in re.findall(r"^  (\w+) +([\d,]+)(?:  .*)?$", text, re.MULTILINE)
    }
    assert (figure["live_blocks"], figure["allocations"]) == (200, 1000)
    assert f"{figure['deferred_blocks']} of the free blocks are deferred" in " ".join(text.split())
    assert figure["peak_bytes"] > 4 * figure["live_bytes"]
    (trimmed,) = re.findall(r"trim: ([\d,]+) bytes", text)
    (resident,) = re.findall(r"resident: ([\d,]+) bytes", text)
    assert figure["resident_bytes"] - int(trimmed.replace(",", "")) == int(
        resident.replace(",", "")
    )


def test_the_trace_is_of_a_program_that_ran(capsys: pytest.CaptureFixture[str]) -> None:
    text = told("program", capsys)
    assert "# rheap 2" in text
    (recorded,) = re.findall(r"rheap record: ([\d,]+) operations", text)
    assert f"{recorded} operations; at most" in text


@pytest.mark.parametrize("name", CHAPTERS)
def test_code_is_shown_as_it_is_at_80_columns(name: str) -> None:
    module = import_module(f"rheap.commands.tour.{name}")
    stories = [module.with_numpy, module.without_numpy] if name == "arrays" else [module.chapter]
    for line in "\n".join(step for story in stories for step in steps(story)).splitlines():
        assert len(line) <= 80 - len("  >>> "), line
