"""`rheap replay`: what it measures and what it prints. No time is asserted."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rheap
from rheap import _core
from rheap.commands.main import main
from rheap.replay.measure import Room, Scheme, capacity_for, inspect, measure, over_all
from rheap.traces import load

COALESCING = ("deferred", "immediate")
FIRST = _core.FIRST_BLOCK + 8
SCHEMES = [Scheme(policy, coalesce) for policy in _core.POLICIES for coalesce in COALESCING]


def parse(text: str) -> _core.Trace:
    parser = _core.TraceParser("text")
    parser.feed(text.encode())
    return parser.finish()


def random_trace(operations: int, seed: int) -> str:
    """Allocations, resizes and frees of small and some large blocks, ids used again."""
    chance = random.Random(seed)
    live: list[int] = []
    lines = []
    for number in range(operations):
        size = chance.choice([0, 1, 8, 24, 100, 1000, 5000, 50_000])
        size = chance.randint(0, size)
        kind = chance.random()
        if not live or kind < 0.45:
            live.append(number % 1000 if number % 1000 not in live else number + 1000)
            lines.append(f"a {live[-1]} {size}")
        elif kind < 0.6:
            lines.append(f"r {chance.choice(live)} {size}")
        else:
            lines.append(f"f {live.pop(chance.randrange(len(live)))}")
    return "\n".join(lines) + "\n"


def places(trace: _core.Trace, scheme: Scheme, capacity: int) -> list[int | None]:
    """Where each operation left its payload, by the untimed pass."""
    inspection = scheme.inspect(trace, capacity)
    return [inspection.step() for _ in range(len(trace))]


def nothing(done: int) -> None:
    """Nobody watches."""


@pytest.fixture
def trace_file(tmp_path: Path) -> str:
    path = tmp_path / "trace"
    path.write_text(random_trace(3000, seed=1))
    return str(path)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_a_replay_puts_blocks_where_a_heap_does(scheme):
    lines = random_trace(2000, seed=2).splitlines()
    trace = parse("\n".join(lines))
    heap = rheap.Heap(capacity_for(trace), coalesce=scheme.coalesce, policy=scheme.policy)
    blocks, expected = {}, []
    for line in lines:
        letter, name, *size = line.split()
        if letter == "a":
            blocks[name] = heap.alloc(int(size[0]))
        elif letter == "r":
            blocks[name].resize(int(size[0]))
        else:
            blocks.pop(name).free()
        expected.append(None if letter == "f" else blocks[name].offset)
    assert places(trace, scheme, capacity_for(trace)) == expected


def test_extent_and_utilisation():
    trace = parse("a 0 100\na 1 100\na 2 100\nf 0\nf 1\na 3 150\nf 2\nf 3\n")
    placing = inspect(trace, Scheme("segregated", "immediate"), 1 << 20)
    assert placing.extent == 3 * 112  # 104 and a word each; 150 goes where 0 and 1 were
    assert placing.peak_live_bytes == 300
    assert placing.peak_utilisation == 300 / 336
    assert placing.ceiling == placing.peak_utilisation
    assert (placing.requests, placing.failed) == (4, 0)
    assert placing.at_end == Room((1 << 20) - 8, (1 << 20) - 8, 0, 0)  # it is all wilderness


def test_a_trace_that_never_asks_for_a_byte(tmp_path, capsys):
    path = tmp_path / "trace"
    path.write_text("a 0 0\nr 0 0\n")
    assert main(["replay", str(path), "--against", "malloc", "--repeat", "1"]) == 0
    assert "2 operations; at most 0 bytes live" in capsys.readouterr().out


def test_free_space_is_told_as_it_is_and_merged():
    text = "".join(f"a {n} 56\n" for n in range(8)) + "f 0\nf 2\nf 3\nf 7\n"
    capacity = 4096  # 4 blocks of 64 stay
    deferred, merged = capacity - 8 * 64, capacity - 7 * 64  # the wilderness at the end
    for coalesce, now in (("deferred", deferred), ("immediate", merged)):
        placing = inspect(parse(text), Scheme("segregated", coalesce), capacity)
        assert placing.at_end == Room(
            now - 8, merged - 8, 1 - now / (capacity - 256), 1 - merged / (capacity - 256)
        )
        assert placing.at_peak == Room(deferred - 8, deferred - 8, 0, 0)


def test_what_is_refused_is_left_out():
    trace = parse("a 0 100\na 1 1000\na 2 50\nr 1 10\nr 2 2000\nf 1\nf 2\nf 0\n")
    scheme = Scheme("segregated", "deferred")
    assert places(trace, scheme, 256) == [FIRST, None, FIRST + 112, None, None, None, None, None]
    placing = inspect(trace, scheme, 256)
    assert (placing.requests, placing.failed) == (4, 2)
    assert placing.peak_live_bytes == 150


def test_payloads_over_a_mebibyte_are_verified_at_both_ends():
    sizes = [3 << 20, (1 << 20) + 5, 5 << 20, 17, (2 << 20) + 1, 0, 1 << 20]
    text = "a 0 0\n" + "".join(f"r 0 {size}\na {n} {size}\n" for n, size in enumerate(sizes, 1))
    for scheme in SCHEMES:
        assert inspect(parse(text), scheme, 64 << 20).failed == 0


def test_times_are_of_all_in_turn(trace_file):
    trace = load(trace_file)
    report = measure(trace, SCHEMES, capacity=1 << 26, against_malloc=True, repeat=2)
    assert [result.allocator for result in report.results][-1] == "malloc"
    for result in report.results:
        assert result.timing is not None
        assert result.timing.per_operation > 0
        assert 0 < result.timing.p999 <= result.timing.longest
        assert (result.placing is None) == (result.allocator == "malloc")
    *ours, malloc = over_all([report, report])
    assert (malloc.allocator, malloc.ratio_to_malloc) == ("malloc", pytest.approx(1))
    assert malloc.ratio_to_ceiling is malloc.visited_mean is None
    for found, result in zip(ours, report.results, strict=False):
        assert (found.allocator, found.coalesce) == (result.allocator, result.coalesce)
        assert found.ratio_to_ceiling == found.least_ratio_to_ceiling
        assert found.ratio_to_ceiling == pytest.approx(result.placing.ratio_to_ceiling)
        assert found.visited_most == result.placing.visited_most


def test_a_run_leaves_the_heap_as_it_was_for_the_next(trace_file):
    trace = load(trace_file)
    watch = _core.HeapWatch(trace, 1 << 26, False, "segregated")
    for _ in range(3):
        assert watch.run() > 0
    assert watch.latency(2)[1] > 0


def test_a_capped_replay_is_timed_too():
    trace = parse("a 0 100\na 1 1000\na 2 50\nr 1 10\nr 2 2000\nf 1\nf 2\nf 0\na 0 10\n")
    report = measure(
        trace, [Scheme("segregated", "deferred")], capacity=256, against_malloc=True, repeat=1
    )
    assert report.results[0].placing is not None
    assert report.results[0].placing.failed == 2


def test_compactions_are_played_and_not_timed(tmp_path, capsys):
    path = tmp_path / "trace"
    path.write_text("# rheap 2\na 40\na 40\na 40\nf 3\nc\na 90\nc 8\n")
    command = ["replay", str(path), "--capacity", "200", "--against", "malloc", "--repeat", "1"]
    assert main([*command, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["traces"]
    assert (found["operations"], found["compactions"]) == (7, 2)
    assert found["results"][0]["placing"]["failed"] == 0  # it is one hole
    assert main(command) == 0
    assert "Compactions are not timed." in " ".join(capsys.readouterr().out.split())


def test_the_json_has_what_the_table_has(trace_file, capsys):
    command = ["replay", trace_file, trace_file, "--repeat", "1", "--against", "malloc"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["malloc"] == _core.malloc_library()
    assert len(found["traces"]) == 2
    ours, malloc = found["traces"][0]["results"]
    assert malloc["placing"] is None and malloc["ratio_to_malloc"] == 1
    assert main(command) == 0
    table = capsys.readouterr().out
    assert f"{found['traces'][0]['operations']:,} operations" in table
    assert f"{ours['placing']['peak_utilisation']:.1%}" in table
    assert f"{found['traces'][0]['ceiling']:.1%}" in table
    assert "Over 2 traces" in table
    assert found["over_all"][0]["least_ratio_to_ceiling"] == ours["ratio_to_ceiling"]
    points = ours["score"]
    assert points["sum"] == points["utilisation"] + points["work"]
    rows = [line.split("  ")[0] for line in table.splitlines()]
    order = ["peak utilisation", "blocks visited, mean", "points for utilisation, of 60",
             "points for work, of 40"]  # fmt: skip
    places = [rows.index(name) for name in order]
    assert places == sorted(places)
    assert re.search(rf"points for work, of 40 +{points['work']:.1f}", table)
    assert found["malloc"] in table


def test_the_table_keeps_to_the_width(trace_file, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    options = ["--repeat", "1", "--coalesce", "deferred", "--coalesce", "immediate"]
    assert main(["replay", trace_file, *options, "--against", "malloc"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if trace_file not in line) <= 60
    assert sum(line.startswith("coalescing") for line in lines) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "one of the arguments"),
        (["x", "--ops", "+1"], "not allowed with"),
        (["x", "--policy", "frist"], "frist"),
        (["x", "--coalesce", "never"], "never"),
        (["x", "--capacity", "8"], "must be from 24 bytes to 1 TiB"),
        (["x", "--capacity", "many"], "'many' is not a size"),
        (["x", "--repeat", "0"], "'0' is not a number from 1"),
        (["x", "--against", "tcmalloc"], "tcmalloc"),
        (["x", "--ask"], "--ask goes with an exercise"),
        (["--ops", "+1", "--against", "malloc"], "--against needs a trace"),
    ],
)
def test_wrong_arguments_are_said(arguments, reason, capsys):
    try:
        status = main(["replay", *arguments])
    except SystemExit as left:
        status = left.code
    assert status == 2
    assert reason in capsys.readouterr().err


def test_ctrl_c_ends_a_long_replay(tmp_path):
    path = tmp_path / "trace"
    os.mkfifo(path)  # to open it waits until the command does: from then on it is running
    command = [sys.executable, "-m", "rheap", "replay", str(path), "--repeat", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with open(path, "w") as trace:
            trace.write("a 0 1\n" + "".join(f"a {n} 9\nf {n}\n" for n in range(1, 100_000)))
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, error) == (b"", b"")


@pytest.mark.skipif("RHEAP_TRACES" not in os.environ, reason="no folder of traces is named")
def test_traces_of_large_programs():
    for path in sorted(Path(os.environ["RHEAP_TRACES"]).glob("*.gz")):
        trace = load(str(path))
        for coalesce in COALESCING:
            placing = inspect(trace, Scheme("segregated", coalesce), capacity_for(trace))
            assert placing.failed == 0
            assert placing.peak_utilisation <= placing.ceiling
