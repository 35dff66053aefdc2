"""An offset means the same in every picture, message and policy: bytes from the region's base."""

import re
from xml.etree import ElementTree

import pytest

import rheap
from rheap import _core
from rheap.commands.main import main
from rheap.replay.measure import Scheme
from rheap.replay.own import OwnPolicy
from rheap.replay.timeline import play_timelines
from rheap.traces import load
from rheap.traces.exercises import make_trace

OPS = ("+40", "+100", "-0", "+24")
SIZES = (40, 100, 24)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def offsets():
    """Where a heap puts the blocks of `OPS`."""
    heap = rheap.Heap(1024, policy="first", coalesce="immediate")
    first = heap.alloc(SIZES[0])
    second = heap.alloc(SIZES[1])
    found = [first.offset, second.offset]
    first.free()
    return [*found, heap.alloc(SIZES[2]).offset]


def test_the_first_word_is_where_all_pictures_begin(offsets, capsys, tmp_path):
    begin = f"+0x{offsets[0] - 8:x} "
    assert offsets[0] == _core.FIRST_BLOCK + 8
    heap = rheap.Heap(1024)
    assert heap.map().draw(80).startswith(begin)
    ops = ["--ops", ",".join(OPS), "--policy", "first", "--coalesce", "immediate"]
    assert main(["view", *ops]) == 0
    assert begin in capsys.readouterr().out
    assert main(["replay", *ops]) == 0
    out = capsys.readouterr().out
    assert begin in out
    assert [int(place, 16) for place in re.findall(r"goes to \+0x(\w+)", out)] == offsets
    heap.map().save(tmp_path / "heap.svg")
    assert main(["view", *ops, "--svg", str(tmp_path / "run.svg")]) == 0
    for name in ("heap.svg", "run.svg"):
        texts = [text.text for text in ElementTree.parse(tmp_path / name).iter(f"{SVG}text")]
        labels = [int(text, 16) for text in texts if text and re.fullmatch(r"\+0x\w+", text)]
        assert min(labels) == offsets[0] - 8


def test_bands_say_where_the_blocks_were(offsets, tmp_path):
    trace = make_trace("exercise", OPS)
    (timeline,) = play_timelines(trace, [Scheme("first", "immediate")], 1024)
    assert [band.offset for band in sorted(timeline.bands)] == offsets
    assert main(["view", "--ops", ",".join(OPS), "--policy", "first", "--coalesce", "immediate",
                 "--svg", str(tmp_path / "run.svg")]) == 0  # fmt: skip
    titles = re.findall(r"<title>\+0x(\w+): ", (tmp_path / "run.svg").read_text())
    assert sorted(int(place, 16) for place in titles) == sorted(offsets)


def test_a_policy_sees_holes_where_blocks_go(offsets, tmp_path):
    seen = []

    def choose(size, holes):
        seen.append(next(hole for hole in holes if hole.size >= size))
        return seen[-1]

    path = tmp_path / "trace"
    path.write_text("a 0 40\na 1 100\nf 0\na 2 24\n")
    inspection = Scheme(OwnPolicy("mine", choose), "immediate").inspect(load(str(path)), 1024)
    places = [inspection.step() for _ in range(4)]
    assert [place for place in places if place is not None] == offsets
    assert [hole.offset + 8 for hole in seen] == offsets
    assert repr(seen[0]) == f"Hole(+0x{offsets[0] - 8:x}, 1024 bytes)"


def test_a_wrong_answer_is_told_in_the_same_offsets(offsets, tmp_path, capsys):
    (tmp_path / "mine.py").write_text("def choose(size, holes):\n    return holes[0]\n")
    policy = f"{tmp_path / 'mine.py'}:choose"
    assert main(["replay", "--ops", "+40,+100,-0,+200", "--policy", policy,
                 "--coalesce", "immediate"]) == 1  # fmt: skip
    assert f"answered Hole(+0x{offsets[0] - 8:x}, 48 bytes)" in capsys.readouterr().err


def test_errors_of_a_heap_name_the_same_places(offsets):
    heap = rheap.Heap(1024)
    block = heap.alloc(40)
    view = block.view()
    with pytest.raises(rheap.BlockPinned, match=rf"\+0x{offsets[0]:x}"):
        block.free()
    with pytest.raises(rheap.ForeignBlock, match=rf"\+0x{offsets[0]:x}"):
        rheap.Heap(1024).free(block)
    view.release()
