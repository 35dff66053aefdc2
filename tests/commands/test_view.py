"""`rheap view`: the region at a moment of a replay, and a whole run as one picture."""

import base64
import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import pytest
from support import GOLDEN, TOP, TRACES, rounds
from trace_text import moving

from rheap import _core
from rheap.commands.main import main
from rheap.pictures.run import COLUMNS, ROWS, Band
from rheap.pictures.timeline import timeline_svg
from rheap.replay.measure import Scheme, capacity_for, inspect
from rheap.replay.timeline import FEW, play_timelines
from rheap.traces import load
from rheap.traces.exercises import make_trace, random_operations

TRACE = TRACES / "parse_json.trace.gz"
FIRST = _core.FIRST_BLOCK + 8  # of the first payload
README = (TOP / "README.md").read_text()
OPS = "+40,+100,+24,-1,+56,+30,-0,+72,-2,+16"
SVG = "{http://www.w3.org/2000/svg}"
STRANGE = ['<script>"&', "a\nb", "\x1b[31m\x7f", "\u202eevil", "caf\udce9", "\N{SNOWMAN}"]


def view(capsys, *arguments, status=0):
    assert main(["view", *map(str, arguments)]) == status
    return capsys.readouterr()


def timelines_of(trace, *schemes, capacity=None):
    schemes = schemes or (Scheme("segregated", "deferred"),)
    return play_timelines(trace, schemes, capacity or capacity_for(trace))


def draw(trace, *schemes, **options):
    svg = timeline_svg(timelines_of(trace, *schemes, **options))
    return svg, ElementTree.fromstring(svg)


def load_text(path, text):
    path.write_text(text)
    return load(str(path))


def churn(operations, blocks=50):
    """Lines of a trace that keeps some blocks and frees others."""
    return "".join(
        f"a {n} {8 + n * 37 % 300}\n" if n % 2 == 0 or n < blocks else f"f {n - n * 7 % blocks}\n"
        for n in range(operations)
    )


def texts(root, kind=None):
    return [text.text for text in root.iter(f"{SVG}text") if kind in (None, text.get("class"))]


# --- pictures that are kept -------------------------------------------------------------------


def test_the_picture_in_the_readme_is_what_its_command_draws(capsys, tmp_path, monkeypatch):
    (command,) = re.findall(r"`rheap view (.*? --svg run\.svg)`", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    view(capsys, *command.split())
    assert Path("run.svg").read_text() == (GOLDEN / "timeline.svg").read_text()
    assert "tests/golden/timeline.svg" in README


def test_the_text_of_a_moment(capsys):
    options = ["--policy", "best", "--coalesce", "deferred", "--at", "end"]
    text = view(capsys, "--ops", OPS, *options).out
    assert text == (GOLDEN / "view.txt").read_text()


# --- a moment ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["peak", "end", "0", "7"])
def test_the_map_of_a_moment(capsys, at):
    out = view(capsys, "--ops", OPS, "--at", at).out
    assert re.search(r"after (\d+) of 10 operations", out)
    assert ("#" in out.splitlines()[3]) == (at != "0")


def test_peak_is_where_the_trace_wants_most_whatever_was_served(capsys, tmp_path):
    load_text(tmp_path / "trace", "a 1 100\nr 1 500\na 2 40\nr 1 50\nr 1 5000\nf 2\nf 1\n")
    assert "after 5 of 7" in view(capsys, tmp_path / "trace").out
    out = view(capsys, tmp_path / "trace", "--capacity", "400").out
    assert "after 5 of 7" in out
    assert "96 B live in 2 blocks" in " ".join(out.split())


def test_the_figures_of_a_moment(capsys):
    out = view(capsys, "--ops", "+40,+100,+24,-1", "--at", "4", "--capacity", "1 KiB").out
    assert "1 KiB: 64 B live in 2 blocks, 104 B freed in 1 block, 832 B wilderness" in out
    assert "largest request 824 B, fragmentation 11.9%" in " ".join(out.split())


@pytest.mark.parametrize("columns", [20, 400])
def test_a_map_keeps_to_the_width(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    out = view(capsys, "--ops", OPS).out
    assert max(map(len, out.splitlines())) <= columns


# --- a whole run: what is noted ---------------------------------------------------------------


def test_blocks_are_bands_from_birth_to_death(tmp_path):
    trace = load_text(tmp_path / "trace", "a 1 40\na 2 100\nf 1\na 3 20\nr 2 200\n")
    (timeline,) = timelines_of(trace, Scheme("first", "immediate"))
    assert sorted(timeline.bands) == [
        Band(0, 2, FIRST, 48, 40),
        Band(1, 4, FIRST + 48, 112, 100),
        Band(3, 5, FIRST, 48, 20),  # what is left is no block
        Band(4, 5, FIRST + 48, 208, 200),
    ]
    assert timeline.placing.failed == 0
    assert [range_.last for range_ in timeline.curves.live] == [48, 160, 112, 160, 256]


def test_a_block_that_moves_has_a_band_at_each_place():
    trace = make_trace("exercise", ("+40", "+100", "-0", "c", "c", "+20", "-1", "c", "-2"))
    (timeline,) = timelines_of(trace, Scheme("first", "immediate"))
    assert sorted(timeline.bands) == [
        Band(0, 2, FIRST, 48, 40),
        Band(1, 3, FIRST + 48, 112, 100, None, FIRST),
        Band(3, 6, FIRST, 112, 100, FIRST + 48),
        Band(5, 7, FIRST + 112, 32, 20, None, FIRST),
        Band(7, 8, FIRST, 32, 20, FIRST + 112),
    ]
    svg, _ = draw(trace, Scheme("first", "immediate"))
    told = re.findall("<title>(.*?)</title>", svg)
    place, moved = f"+0x{FIRST:x}", f"+0x{FIRST + 48:x}"
    assert (
        f"{moved}: 100 bytes asked for, 104 reserved, made by operation 2, moved to {place} by 4"
        in told
    )
    assert (
        f"{place}: 100 bytes asked for, 104 reserved, moved here from {moved} by operation 4, "
        "freed by 7"
    ) in told


def moment_of(inspection, requested):
    """What the curves should say now, found by a walk over all blocks."""
    live = end = 0
    for offset, _, size, state, *_ in inspection.rows().read(0, 1, len(inspection.rows())):
        end = offset + size - _core.FIRST_BLOCK
        live += size + 8 if state == "live" else 0
    fragmentation = inspection.region()["fragmentation_merged"]
    return live, end - live, end, fragmentation, requested / end if end else 0.0


@pytest.mark.parametrize("policy", ["segregated", "first", "next", "best", "worst"])
@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
def test_curves_are_what_a_walk_finds_after_each_operation(policy, coalesce):
    for seed in range(rounds(6)):
        words = moving(random_operations(300, seed))
        trace = make_trace("exercise", words)
        scheme = Scheme(policy, coalesce)
        capacity = [capacity_for(trace, least=256), trace.peak_block_bytes // 2 // 8 * 8][seed % 2]
        (timeline,) = timelines_of(trace, scheme, capacity=capacity)
        inspection = scheme.inspect(trace, capacity)
        curves = timeline.curves
        sizes, requested = [], 0
        for operation, word in enumerate(words):
            place = inspection.step()
            if word.startswith("+"):
                sizes.append(int(word[1:]) if place is not None else 0)
                requested += sizes[-1]
            elif word != "c":
                requested -= sizes[int(word[1:])]
            expected = moment_of(inspection, requested)
            for name, value in zip(
                ("live", "free", "extent", "fragmentation", "utilisation"), expected, strict=True
            ):
                assert getattr(curves, name)[operation] == (value, value, value), (name, operation)


def test_columns_keep_the_least_the_most_and_the_last(tmp_path):
    operations = 5 * COLUMNS
    trace = load_text(tmp_path / "trace", churn(operations))
    (whole,) = timelines_of(trace)
    monkey = pytest.MonkeyPatch()
    monkey.setattr("rheap.replay.timeline.COLUMNS", operations)
    (single,) = timelines_of(trace)
    monkey.undo()
    for name in ("live", "free", "extent", "fragmentation", "utilisation"):
        each = [range_.last for range_ in getattr(single.curves, name)]
        for column, range_ in enumerate(getattr(whole.curves, name)):
            inside = each[column * 5 : column * 5 + 5]
            assert range_ == (min(inside), max(inside), inside[-1])


@pytest.mark.slow
def test_cells_sum_up_what_the_bands_are(monkeypatch):
    trace = make_trace("exercise", random_operations(1500, 4))
    (few,) = timelines_of(trace)
    monkeypatch.setattr("rheap.replay.timeline.FEW", 0)
    (many,) = timelines_of(trace)
    assert (few.cells, many.bands) == (b"", ())
    edges = [many.extent * row // ROWS for row in range(ROWS + 1)]
    ends = [column * 1500 // COLUMNS for column in range(COLUMNS + 1)]
    sums = [[0.0] * COLUMNS for _ in range(ROWS)]
    for band in few.bands:
        for row in range(ROWS):
            start = band.offset - FIRST
            high = min(start + band.size, edges[row + 1]) - max(start, edges[row])
            if high > 0:
                for column in range(COLUMNS):
                    wide = min(band.died, ends[column + 1]) - max(band.born, ends[column])
                    sums[row][column] += high * max(wide, 0)
    for row in range(ROWS):
        for column in range(COLUMNS):
            area = (edges[row + 1] - edges[row]) * (ends[column + 1] - ends[column])
            part = sums[row][column] / area
            cell = many.cells[row * COLUMNS + column]
            assert cell == (max(int(part * 255 + 1e-9), 1) if part else 0)


def test_the_figures_are_those_of_a_replay():
    trace = load(str(TRACE))
    schemes = [Scheme("segregated", "deferred"), Scheme("first", "immediate")]
    for timeline, scheme in zip(timelines_of(trace, *schemes), schemes, strict=True):
        assert timeline.placing == inspect(trace, scheme, capacity_for(trace))
        most = max(range_.most for range_ in timeline.curves.extent)
        assert most == timeline.placing.extent <= timeline.extent
    svg, _ = draw(trace, *schemes)
    placing = inspect(trace, schemes[0], capacity_for(trace))
    assert (
        f"segregated, coalescing deferred: peak utilisation {placing.peak_utilisation:.1%}" in svg
    )


# --- a whole run: what is drawn ---------------------------------------------------------------


def test_a_spike_of_one_operation_is_drawn(tmp_path):
    lines = "".join(f"a {n} 8\nf {n}\n" for n in range(20_020))
    trace = load_text(tmp_path / "trace", f"{lines}a 1 90000\nf 1\n{lines}{lines}")
    (timeline,) = timelines_of(trace)
    assert max(range_.most for range_ in timeline.curves.live) == 90_008
    assert sum(range_.last > 1000 for range_ in timeline.curves.live) == 0
    svg, _ = draw(trace)
    (live,) = re.findall(r'class="between" d="([^"]+)"', svg)
    heights = sorted({float(height) for height in re.findall(r"V([\d.]+)", live)})
    assert heights[-1] - heights[0] > 80  # pixels
    assert any(timeline.cells[(ROWS - 1) * COLUMNS :])  # its highest bytes


def outline(root, kind):
    """The corners of the one path of this class, but the last: the area's, or what a ratio was."""
    (path,) = (
        path for path in root.iter(f"{SVG}path") if (path.get("class") or "").endswith(kind)
        and path.get("d").startswith("M96 ") and path.get("d").count("H") >= 1
        and float(re.match(r"M96 (\d+)", path.get("d"))[1]) > 66 + ROWS
    )  # fmt: skip
    return path.get("d")


def test_the_bytes_are_drawn_as_areas_the_live_ones_on_all():
    trace = make_trace("exercise", ("+24", "+56", "-0", "+8"))
    (timeline,) = timelines_of(trace, Scheme("best", "immediate"))
    _, root = draw(trace, Scheme("best", "immediate"))
    bottom, height = 66 + ROWS + 14 + 90, 90
    for kind, ranges in (("live", timeline.curves.live), ("free", timeline.curves.extent)):
        heights = [bottom - height * range_.last / timeline.extent for range_ in ranges]
        told = outline(root, kind)
        drawn = [float(at) for at in re.findall(r"V([\d.]+)H", told)]
        kept = [h for n, h in enumerate(heights) if n == 0 or h != heights[n - 1]]
        assert drawn == pytest.approx(kept, abs=0.06)
        assert told.endswith(f"H996.0V{bottom}z")


def test_ratios_are_lines_where_they_stand_and_ranges_where_they_do_not(tmp_path):
    _, root = draw(make_trace("exercise", ("+24", "+24")))
    (above, below) = outline(root, "utilisation").split("H996.0V")[0], "H96.0z"
    assert outline(root, "utilisation").endswith(below) and above
    lines = "".join(f"a {n} 800\nf {n}\n" for n in range(5000))
    _, root = draw(load_text(tmp_path / "trace", f"a 9999 8\n{lines}"))
    heights = {float(at) for at in re.findall(r"V([\d.]+)", outline(root, "utilisation"))}
    assert max(heights) - min(heights) > 40


def test_the_legend_names_each_thing_once(tmp_path):
    for operations, pale in ((FEW // 4, 0), (FEW + 1, 1)):
        _, root = draw(load_text(tmp_path / "trace", churn(operations)))
        found = [text.text for text in root.iter(f"{SVG}text")]
        for name in ("live", "free", "wilderness", "utilisation", "fragmentation, merged"):
            assert found.count(name) == 1
        assert sum("pale" in text for text in found) == pale
    right = [
        float(text.get("x")) + 7.3 * len(text.text)
        for text in root.iter(f"{SVG}text")
        if text.get("class") is None
    ]
    assert max(right) <= 96 + COLUMNS + 56


def test_what_is_little_in_a_cell_is_seen(tmp_path):
    lines = "".join(f"a {n} 8\nf {n}\n" for n in range(2000))
    trace = load_text(tmp_path / "trace", f"a 1 4000000\nf 1\n{lines}")
    (timeline,) = timelines_of(trace)
    assert all(0 < cell < 3 for cell in timeline.cells[10:COLUMNS])  # of its lowest row


def test_each_band_is_drawn_where_it_was(tmp_path):
    trace = load_text(tmp_path / "trace", "a 1 40\na 2 100\nf 1\na 3 24\n")
    (timeline,) = timelines_of(trace)
    _, root = draw(trace)
    drawn = [
        (group.find(f"{SVG}title").text, group.find(f"{SVG}rect").attrib)
        for group in root.iter(f"{SVG}g")
    ]
    assert len(drawn) == len(timeline.bands) == 3
    for (title, box), band in zip(drawn, timeline.bands, strict=True):
        assert title.startswith(f"+0x{band.offset:x}: {band.asked:,} bytes")
        assert f"made by operation {band.born + 1}, " in title
        assert float(box["x"]) == pytest.approx(96 + band.born * COLUMNS / 4)
        wide = (band.died - band.born) * COLUMNS / 4
        assert float(box["width"]) == pytest.approx(wide, abs=1)
        assert float(box["height"]) == pytest.approx(band.size * ROWS / timeline.extent, abs=1)
    assert texts(root, "size") == ["40", "100", "24"]


def test_blocks_become_a_raster_when_there_are_many(tmp_path):
    for operations, bands in ((FEW, True), (FEW + 1, False)):
        trace = load_text(tmp_path / "trace", churn(operations))
        svg, root = draw(trace)
        assert (len(list(root.iter(f"{SVG}g"))) > 0) == bands
        assert ("data:image/png" in svg) != bands


def test_the_raster_is_a_png():
    svg, _ = draw(load(str(TRACE)))
    (data,) = re.findall(r"base64,([^\"]+)", svg)
    png = base64.b64decode(data)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (COLUMNS, ROWS)
    at = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[at - 4 : at])
    assert len(zlib.decompress(png[at + 4 : at + 4 + length])) == (COLUMNS + 1) * ROWS
    assert len(svg) < 500_000


def test_policies_share_their_axes():
    trace = make_trace("exercise", random_operations(200, 1))
    _, root = draw(trace, Scheme("first", "deferred"), Scheme("worst", "deferred"))
    names = [text for text in texts(root) if "peak utilisation" in text]
    assert [name.split(":")[0] for name in names] == [
        "first, coalescing deferred",
        "worst, coalescing deferred",
    ]
    ends = texts(root, "end")
    assert ends[: len(ends) // 2] == ends[len(ends) // 2 :]


def test_several_traces_are_drawn_below_each_other(tmp_path, capsys):
    for name, operations in (("one", 20), ("two", 30)):
        (tmp_path / name).write_text(churn(operations))
    paths = [tmp_path / "one", tmp_path / "two"]
    view(capsys, *paths, "--svg", tmp_path / "run.svg")
    root = ElementTree.fromstring((tmp_path / "run.svg").read_text())
    assert texts(root, "title") == [str(path) for path in paths]
    out = view(capsys, *paths, "--at", "end").out
    assert "after 20 of 20 operations" in out and "after 30 of 30 operations" in out


@pytest.mark.parametrize(
    ("operations", "ticks"),
    [
        (1, ["0", "1"]),
        (10, [str(n) for n in range(11)]),
        (36, ["0", "5", "10", "15", "20", "25", "30", "35"]),
        (2001, ["0", "500", "1,000", "1,500", "2,000"]),
    ],
)
def test_operations_are_counted_in_round_numbers(tmp_path, operations, ticks):
    _, root = draw(load_text(tmp_path / "trace", churn(operations)))
    assert texts(root, "middle") == ticks


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("command", ["view", "replay"])
def test_names_are_text(tmp_path, capsys, name, command):
    path = tmp_path / f"{name}.trace"
    path.write_text("a 1 10\nf 1\n")
    assert main([command, str(path), *([] if command == "view" else ["--repeat", "1"])]) == 0
    assert capsys.readouterr().out.replace("\n", "").isprintable()
    trace = load(str(path))
    assert trace.source.isprintable()
    svg, root = draw(trace)
    assert "<script>" not in svg
    assert texts(root, "title") == [trace.source]
    path.write_text("a 1 nothing\n")
    assert main([command, str(path)]) == 1
    assert capsys.readouterr().err.strip().isprintable()
    path.unlink()
    assert main([command, str(path)]) == 1
    assert capsys.readouterr().err.strip().isprintable()


def test_rules_of_style_reach_nothing_else():
    svg, _ = draw(make_trace("exercise", ("+1",)))
    (style,) = re.findall("<style>(.*?)</style>", svg)
    selectors = re.findall(r"(?:^|[{}])([^{}@]+){", style)
    assert len(selectors) > 10
    assert all(selector.startswith((".rheap ", "svg.rheap")) for selector in selectors)


def test_a_run_of_which_nothing_was_served(tmp_path, capsys):
    trace = load_text(tmp_path / "trace", "a 1 5000\na 2 6000\nf 1\n")
    (timeline,) = timelines_of(trace, capacity=104)
    assert (timeline.placing.failed, timeline.bands) == (2, ())
    assert timeline.placing.peak_utilisation == timeline.placing.ratio_to_ceiling == 0
    assert set(timeline.curves.utilisation) == {(0, 0, 0)}
    draw(trace, capacity=104)
    view(capsys, tmp_path / "trace", "--capacity", "104")


# --- policies of one's own, and errors --------------------------------------------------------


def test_ones_own_policy_is_played_once_and_a_wrong_one_is_named(capsys, tmp_path):
    (tmp_path / "mine.py").write_text(
        "asked = []\n"
        "def choose(size, holes):\n    asked.append(size)\n    return holes[-1]\n\n"
        "def wrong(size, holes):\n    return 7\n"
        "def broken(size, holes):\n    raise LookupError('mine')\n"
        "def twice(size, holes):\n    assert not asked or size == 24\n    asked.append(size)\n"
        "    return holes[0]\n"
    )
    drawn = tmp_path / "own.svg"

    def policy(name, status, ops=OPS):
        mine = f"{tmp_path / 'mine.py'}:{name}"
        return view(capsys, "--ops", ops, "--policy", mine, "--svg", drawn, status=status).err

    policy("choose", 0)
    assert "mine.py:choose" in drawn.read_text()
    assert "operation 0: the policy answered 7" in policy("wrong", 1)
    assert "LookupError: mine" in policy("broken", 1)
    policy("twice", 0, ops="+100,+16,+16")


@pytest.mark.parametrize(
    "arguments", [["--at", "2"], ["--svg", "x.png"], ["--policy", f"{__file__}:nothing"]]
)
def test_what_cannot_be_drawn_is_refused(capsys, arguments):
    assert view(capsys, "--ops", "+1", *arguments, status=2).err.startswith("rheap view: ")


def test_a_file_that_cannot_be_written_is_told(capsys, tmp_path):
    error = view(capsys, "--ops", "+1", "--svg", tmp_path / "nowhere" / "x.svg", status=1).err
    assert "nowhere" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("columns", [0, 2])
def test_a_timeline_has_as_many_columns_as_operations_at_the_most(columns):
    trace = make_trace("exercise", ("+1",))
    inspection = Scheme("first", "deferred").inspect(trace, 1024)
    with pytest.raises(ValueError, match="from one column to one an operation"):
        inspection.timeline(columns, print)


def test_a_timeline_is_of_a_whole_run():
    trace = make_trace("exercise", ("+1", "+2"))
    inspection = Scheme("first", "deferred").inspect(trace, 1024)
    inspection.step()
    with pytest.raises(ValueError, match="from its first operation"):
        inspection.timeline(1, print)
    timeline = Scheme("first", "deferred").inspect(trace, 1024).timeline(1, print)
    for rows, extent in ((0, 8), (8, 0)):
        with pytest.raises(ValueError, match="a raster has rows"):
            timeline.raster(rows, extent)
