"""`rheap view`: the region at a moment of a replay, and a whole run as one picture."""

import base64
import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import pytest

from rheap import _core
from rheap.cli import main
from rheap.replay.measure import Scheme, capacity_for
from rheap.traces import load
from rheap.view.history import _COLUMNS, _ROWS, History, history_svg

TRACE = Path(__file__).parent / "traces" / "parse_json.trace.gz"
GOLDEN = Path(__file__).parent / "golden"
OPS = "+40,+100,+24,-1,+56,+30,-0,+72,-2,+16"
SVG = "{http://www.w3.org/2000/svg}"


def view(capsys, *arguments, status=0):
    assert main(["view", *map(str, arguments)]) == status
    return capsys.readouterr()


def history_of(path, policy="segregated", coalesce="deferred"):
    trace = load(str(path))
    return trace, History.of_all(trace, [Scheme(policy, coalesce)], capacity_for(trace))[0]


def write(path, text):
    path.write_text(text)
    return path


def test_the_golden_pictures(capsys, tmp_path):
    drawn = tmp_path / "history.svg"
    view(capsys, "--ops", OPS, "--policy", "best", "--policy", "worst", "--svg", drawn)
    assert drawn.read_text() == (GOLDEN / "history.svg").read_text()
    text = view(capsys, "--ops", OPS, "--policy", "best", "--at", "end").out
    assert text == (GOLDEN / "view.txt").read_text()


@pytest.mark.parametrize("at", ["peak", "end", "0", "7"])
def test_the_map_of_a_moment(capsys, at):
    out = view(capsys, "--ops", OPS, "--at", at).out
    assert re.search(r"after (\d+) of 10 operations", out)
    assert ("#" in out.splitlines()[3]) == (at != "0")


def test_peak_is_where_most_is_live(capsys, tmp_path):
    path = write(tmp_path / "trace", "a 1 10\na 2 500\nf 2\na 3 10\n")
    assert "after 2 of 4" in view(capsys, path).out
    assert load(str(path)).peak_operation == 1


@pytest.mark.parametrize("columns", [20, 400])
def test_a_map_keeps_to_the_width(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    out = view(capsys, "--ops", OPS).out
    assert max(map(len, out.splitlines())) <= columns


def test_short_runs_show_each_block_as_a_band(tmp_path):
    path = write(tmp_path / "trace", "a 1 40\na 2 100\nf 1\na 3 20\nr 2 200\n")
    _, history = history_of(path, coalesce="immediate", policy="first")
    assert sorted(history.bands) == [
        (0, 2, 0, 48),
        (1, 4, 48, 112),
        (3, 5, 0, 48),  # what is left is no block
        (4, 5, 48, 208),
    ]
    assert history.failed == 0
    assert [moment.live for moment in history.moments] == [48, 160, 112, 160, 256]


def test_long_runs_are_summed_up_and_nothing_is_left_out():
    trace, history = history_of(TRACE)
    assert history.bands == ()
    assert (history.columns, len(history.cells)) == (_COLUMNS, _COLUMNS * _ROWS)
    assert len(history.moments) == _COLUMNS
    last = history.moments[-1]
    row_bytes = history.extent / _ROWS
    drawn = sum(history.cells[_COLUMNS - 1 :: _COLUMNS]) / 255 * row_bytes
    assert drawn == pytest.approx(last.live, rel=0.02)
    assert last.live + last.free <= last.extent <= history.extent
    assert len(history_svg(trace.source, len(trace), [history])) < 500_000


def test_a_block_of_one_operation_is_seen(tmp_path):
    lines = "".join(f"a {n} 8\n" for n in range(5000)) + "a 9999 100000\nf 9999\n"
    _, history = history_of(write(tmp_path / "trace", lines))
    top = history.cells[(_ROWS - 1) * _COLUMNS :]
    assert any(top)


def test_the_raster_is_a_png(tmp_path):
    trace, history = history_of(TRACE)
    svg = history_svg(trace.source, len(trace), [history])
    (data,) = re.findall(r"base64,([^\"]+)", svg)
    png = base64.b64decode(data)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (_COLUMNS, _ROWS)
    at = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[at - 4 : at])
    assert len(zlib.decompress(png[at + 4 : at + 4 + length])) == (_COLUMNS + 1) * _ROWS
    ElementTree.fromstring(svg)


def test_policies_share_their_axes(capsys, tmp_path):
    drawn = tmp_path / "two.svg"
    view(capsys, "--ops", OPS, "--policy", "first", "--policy", "worst", "--svg", drawn)
    root = ElementTree.fromstring(drawn.read_text())
    titles = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "title"]
    assert titles == [
        "exercise: first, coalescing deferred",
        "exercise: worst, coalescing deferred",
    ]
    ends = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "end"]
    assert ends[0] == ends[5]


def test_names_are_text(tmp_path):
    path = write(tmp_path / '<script>"&.trace', "a 1 10\nf 1\n")
    trace, history = history_of(path)
    svg = history_svg(trace.source, len(trace), [history])
    assert "<script>" not in svg
    ElementTree.fromstring(svg)


def test_ones_own_policy_is_drawn_and_a_wrong_one_is_named(capsys, tmp_path):
    mine = write(
        tmp_path / "mine.py",
        "def choose(size, holes):\n    return holes[-1]\n\ndef wrong(size, holes):\n    return 7\n",
    )
    drawn = tmp_path / "own.svg"
    view(capsys, "--ops", OPS, "--policy", f"{mine}:choose", "--svg", drawn)
    assert "mine.py:choose" in drawn.read_text()
    assert (
        "7" in view(capsys, "--ops", OPS, "--policy", f"{mine}:wrong", "--svg", drawn, status=1).err
    )


@pytest.mark.parametrize(
    "arguments", [["--at", "2"], ["--svg", "x.png"], ["--policy", f"{__file__}:nothing"]]
)
def test_what_cannot_be_drawn_is_refused(capsys, arguments):
    assert view(capsys, "--ops", "+1", *arguments, status=2).err.startswith("rheap view: ")


def test_a_grid_must_fit_the_run():
    trace = load(str(TRACE))
    with pytest.raises(ValueError, match="a grid has"):
        _core.panorama(
            trace,
            1 << 20,
            immediate=False,
            policy="first",
            columns=0,
            rows=1,
            extent=8,
            with_bands=False,
            tell=lambda done: None,
        )
