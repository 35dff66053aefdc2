"""The benchmark measures what it says and prints what it measured. No time is asserted."""

import dataclasses
import json
import re
import signal
import sys

import pytest
from support import MIB, plain_build_only

import rheap.commands.bench
from rheap.commands.bench import candidates, churn, churn_worker, live, machine, speed, threads
from rheap.commands.bench.measuring import SPREAD, Effort, calls_for, in_turn
from rheap.commands.bench.words import over_time
from rheap.commands.main import main
from rheap.console.table import table
from rheap.replay.figure import Figure

FOR_ALL = (candidates.DROP, candidates.VIEW, candidates.WITH, candidates.TOUCH)
FIRST = candidates.FIRST
OF_ARRAYS = (candidates.ARRAY, candidates.FILL)  # and FIRST, which none does at a size of TINY's
TINY = Effort(churns=1, frames=60, rounds=3, turn=1e-5, sizes=(64, MIB), live=(10, 100), part=0.01)


def quietly(_):
    """No progress."""


def holds(figure):
    return 0 < figure.low <= figure.median <= figure.high


def test_candidates_take_turns_of_about_the_same_time():
    log = []

    def costing(name, seconds):
        def turn(calls):
            log.append(name)
            return calls * seconds

        return turn

    turns = {"dear": costing("dear", 1.0), "cheap": costing("cheap", 0.01)}
    assert [calls_for(turn, 2.0) for turn in turns.values()] == [2, 200]
    log.clear()
    found = in_turn(turns, rounds=3, seconds=2.0)
    assert log[-12:] == ["dear", "dear", "cheap", "cheap"] * 3  # one call to warm up, then the turn
    assert found == {"dear": [1.0] * 3, "cheap": pytest.approx([0.01] * 3)}


def test_an_interrupt_waits_for_the_end_of_a_turn():
    turns = []

    def interrupted(calls):
        signal.raise_signal(signal.SIGINT)
        turns.append(calls)
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        in_turn({"some": interrupted}, rounds=10, seconds=1.0)
    assert turns == [1] * 4  # the first call, to count the calls, to warm up, and the one round
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_figure_is_the_median_and_the_deciles():
    assert Figure.of(range(101)) == Figure(50, 10, 90)
    assert Figure.of([7]) == Figure(7, 7, 7)
    assert Figure.of_ratios([1, 2, 3], [2, 4, 6]) == Figure(0.5, 0.5, 0.5)


# Rounded, the tenth percentile of the first is above its median, the ninetieth of the other below.
@pytest.mark.parametrize("values", [[0.11, 0.11, 0.22], [3.5e-6, 3.5e-6, 1.75e-6]])
def test_the_spread_of_a_figure_holds_its_median(values):
    assert holds(Figure.of(values))


def test_each_candidate_is_timed_at_each_operation_and_size():
    found = speed.measure(TINY, quietly)
    there, _ = candidates.installed()
    assert {"rheap", "bytearray", "numpy", "mmap", "mp.heap", "mp.shared", "pyarrow"} == {
        one.name for one in there
    }
    assert {(cell.operation, cell.size, cell.candidate) for cell in found.cells} == {
        (operation, size, one.name)
        for operation in speed.OPERATIONS
        for size in TINY.sizes
        for one in there
        if operation in FOR_ALL or (operation in OF_ARRAYS and one.name in ("rheap", "numpy"))
    }
    assert all(holds(cell.ratio) and holds(cell.seconds) for cell in found.cells)
    assert {cell.ratio.median for cell in found.cells if cell.candidate == "rheap"} == {1.0}


def test_arrays_stand_beside_those_of_numpy_at_all_sizes_that_matter():
    for effort in (rheap.commands.bench.FULL, rheap.commands.bench.QUICK):
        assert {64, 4 << 10, MIB, 64 * MIB} <= set(effort.sizes)
    ours, theirs = (one for one in candidates.ALL if candidates.ARRAY in one.statements)
    assert ours.statements[candidates.ARRAY] == "heap.array({n}, 'u1')"
    assert theirs.statements[candidates.ARRAY] == "numpy.empty({n}, 'u1')"
    names = {**candidates.installed()[1], "heap": rheap.Heap("1 MiB")}
    for one in (ours, theirs):
        array = eval(one.statements[candidates.ARRAY].format(n=64), names)
        exec(one.statements[candidates.FILL].replace(one.statements[candidates.ARRAY], "array"),
             {"array": array})  # fmt: skip
        assert array.tobytes() == b"\1" * 64


@pytest.mark.parametrize("name", ["rheap", "numpy"])
def test_arrays_in_new_pages_are_large_and_give_them_back(name):
    (one,) = (one for one in candidates.ALL if one.name == name)
    assert not one.does(candidates.FIRST, 32 * MIB)
    assert one.does(candidates.FIRST, 64 * MIB)
    heap = rheap.Heap("80 MiB")
    names = {**candidates.installed()[1], "heap": heap}
    exec(one.statements[candidates.FIRST].format(n=64 * MIB), names)
    assert heap.stats().resident_bytes < MIB


@pytest.mark.slow
def test_the_first_write_stands_beside_that_of_numpy():
    large = dataclasses.replace(TINY, rounds=1, sizes=(64 * MIB,))
    found = [cell for cell in speed.measure(large, quietly).cells if cell.operation == FIRST]
    assert [cell.candidate for cell in found] == ["rheap", "numpy"]
    (headline,) = speed.Speed(found).headlines()
    assert headline.what == "write all of heap.array(64 MiB, 'u1'), in new pages"
    assert "numpy.empty(64 MiB, 'u1')" in headline.words


def test_without_numpy_there_are_no_arrays_to_compare(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    found = speed.measure(TINY, quietly)
    assert {cell.operation for cell in found.cells} == {
        candidates.DROP, candidates.VIEW, candidates.WITH, candidates.TOUCH
    }  # fmt: skip
    found.show(rheap.commands.bench.Terminal())


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        ((0.47, 0.45, 0.50), "2.1 times as fast as bytearray(64) (2.0 to 2.2)"),
        ((1.30, 1.20, 1.40), "1.3 times as slow as bytearray(64) (1.2 to 1.4)"),
        ((0.004, 0.004, 0.005), "250 times as fast as bytearray(64) (200 to 250)"),
    ],
)
def test_a_ratio_is_told_in_words_and_given_raw(ratio, words):
    cell = speed.SpeedCell(candidates.DROP, 64, "bytearray", Figure(1, 1, 1), Figure(*ratio))
    (headline,) = speed.Speed([cell]).headlines()
    assert (headline.what, headline.words) == ("heap.alloc(64)", words)
    assert cell.ratio.median == ratio[0]  # what --json gives


def test_what_is_not_installed_is_named_and_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pyarrow" not in {one.name for one in candidates.installed()[0]}
    monkeypatch.setattr(machine, "version_of", {"numpy": "2.0"}.get)
    assert "Not installed, so not compared: pyarrow" in str(machine.Machine())


def test_shared_memory_is_not_asked_for_more_than_there_is():
    (shared,) = (one for one in candidates.ALL if one.name == "mp.shared")
    assert shared.fits(64)
    assert not shared.fits(1 << 60)  # to touch it would end in SIGBUS


@plain_build_only  # AddressSanitizer keeps memory of its own
def test_cameras_hold_the_same_whatever_allocates():
    orders = [churn_worker.Order(90, on_heap) for on_heap in (True, False)]
    orders.append(churn_worker.Order(90, True, trim_every=10))
    ours, malloc, trimming = map(churn_worker.run, orders)
    assert ours.held == malloc.held == trimming.held
    assert max(ours.held) > 10 * MIB
    for outcome in (ours, malloc, trimming):
        assert len(outcome.resident) == 90
        assert outcome.seconds > 0
    assert ours.faults < trimming.faults  # what trim gave back must be taken again
    assert ours.returned < MIB < ours.dropped


def test_the_rush_comes_and_goes():
    few, many = churn_worker.FEW, churn_worker.MANY
    kept = [churn_worker.kept(moment / 600) for moment in range(600)]
    assert kept[:200] == [few] * 200 and kept[300:] == [few] * 300
    assert kept[200:300] == sorted(kept[200:300]) and kept[299] == many - 1


@pytest.mark.slow
@plain_build_only
def test_churn_runs_each_allocator_in_a_process_of_its_own():
    found = churn.measure(TINY, quietly)
    names = [course.candidate for course in found.courses]
    assert names[:3] == ["rheap", "rheap, trim() every 200", machine.libc()]
    assert ("jemalloc" in names) == (not found.missing)
    for course in found.courses:
        assert len(course.resident) == len(found.held) == TINY.frames
        assert course.peak.median >= max(found.held) / 2
        assert holds(course.seconds)


def test_a_process_that_fails_is_an_error_with_its_reason(monkeypatch):
    monkeypatch.setattr(churn, "_WORKER", "raise MemoryError('no more')")
    with pytest.raises(ChildProcessError, match="rheap ended with status 1: MemoryError: no more"):
        churn.process(churn.ChosenAllocator("rheap", on_heap=True), 1)


def test_live_blocks_are_replaced_one_for_one():
    with rheap.Heap("1 MiB") as heap:
        people = live.Population(heap.alloc, 100)
        for operate in live.OPERATIONS.values():
            assert operate(people, 250) > 0
            assert heap.stats().live_blocks == 100
        heap.check()
        people.blocks.clear()


def test_live_blocks_are_compared_with_bytearray_and_the_base():
    found = live.measure(TINY, quietly)
    assert not found.skipped
    assert [(cell.candidate, cell.live_blocks) for cell in found.cells] == [
        ("rheap", 10), ("bytearray", 10), ("rheap", 100), ("bytearray", 100)
    ] * 3  # fmt: skip
    assert all(holds(cell.seconds) and holds(cell.of_yardstick) for cell in found.cells)


@pytest.mark.parametrize(("available", "skipped"), [(0, [10, 100]), (10_000, [100])])
def test_live_blocks_that_memory_does_not_hold_are_left_out(
    monkeypatch, capsys, available, skipped
):
    monkeypatch.setattr(live, "available_bytes", lambda: available)
    found = live.measure(TINY, quietly)
    assert found.skipped == skipped
    found.show(rheap.commands.bench.Terminal())
    assert f"Not measured: {', '.join(map(live.power, skipped))}" in capsys.readouterr().out


def test_two_threads_are_compared_with_one():
    found = threads.measure(TINY, quietly)
    assert [pair.candidate for pair in found.pairs] == ["rheap", "bytearray"]
    assert all(holds(pair.throughput) for pair in found.pairs)


@pytest.fixture
def tiny(monkeypatch):
    """The command, without what starts processes, and quick."""
    sections = {
        name: made for name, made in rheap.commands.bench.SECTIONS.items() if name != "churn"
    }
    monkeypatch.setattr(rheap.commands.bench, "SECTIONS", sections)
    monkeypatch.setattr(rheap.commands.bench, "QUICK", TINY)


@pytest.mark.slow
@plain_build_only
def test_the_command_prints_all_sections_but_the_long_one(capsys, monkeypatch):
    monkeypatch.setattr(rheap.commands.bench, "QUICK", TINY)
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["bench", "--quick"]) == 0
    out = capsys.readouterr().out
    for name, (title, _) in rheap.commands.bench.SECTIONS.items():
        assert (title in out) == (name not in rheap.commands.bench.ONLY_WHEN_NAMED)
    in_a_line = " ".join(out.split())
    for what in ("heap.alloc(64)", "with heap.alloc(64)"):
        assert re.search(
            rf" {re.escape(what)}: [\d.,]+ times as (fast|slow) as bytearray\(64\)", in_a_line
        )
    assert re.search(r" heap.array\(64, 'u1'\): [\d.,]+ times as (fast|slow) as numpy", in_a_line)
    assert max(map(len, out.splitlines())) <= 100


def test_the_command_gives_its_figures_as_json(capsys, tiny):
    assert main(["bench", "--quick", "--json"]) == 0
    given = json.loads(capsys.readouterr().out)
    assert given["machine"]["processor"] == machine.processor()
    assert given["spread"] == SPREAD
    assert {"speed", "live", "threads"} <= given.keys()
    assert holds(Figure(**given["threads"]["pairs"][0]["throughput"]))


def test_the_command_ends_politely_when_interrupted(capsys, monkeypatch):
    def interrupted(effort, advance):
        advance("something")
        raise KeyboardInterrupt

    monkeypatch.setattr(rheap.commands.bench, "SECTIONS", {"some": ("Some", interrupted)})
    assert main(["bench"]) == 130
    assert capsys.readouterr().err == ""


def test_a_table_is_continued_below_where_it_is_too_wide():
    rows = [["a", "1", "22", "3"], ["bb", "4", "5", "6"]]
    assert table(["", "x", "y", "z"], rows, 20) == "    x   y  z\na   1  22  3\nbb  4   5  6"
    assert table(["", "x", "y", "z"], rows, 10) == (
        "    x   y\na   1  22\nbb  4   5\n\n    z\na   3\nbb  6"
    )


def test_a_course_is_drawn_with_its_peaks():
    assert over_time([0, 0, 8, 0], 8, 2)[1] == over_time([8], 8, 1)
    assert len(over_time([1, 2, 3], 3, 10)) == 10
