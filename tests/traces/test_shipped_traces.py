"""The traces that the project ships are whole, and can be made again."""

import importlib.util
import re
from pathlib import Path

import pytest
from trace_reader import read_plain, read_trace

from rheap.replay.measure import Scheme, capacity_for, inspect
from rheap.traces.reading import load

FOLDER = Path(__file__).parent
TRACES = sorted(FOLDER.glob("*.trace.gz"))


def name_of(path):
    return path.name.partition(".")[0]


@pytest.mark.parametrize("path", TRACES, ids=name_of)
def test_the_trace_follows_the_format(path):
    trace = read_plain(path)
    assert not trace.comments  # nothing of the machine, and what every replayer reads
    assert 20_000 < len(trace.operations) < 100_000
    assert {operation.kind for operation in trace.operations} == set("arf")
    assert 100_000 < trace.peak < 10_000_000
    assert trace.live and sum(trace.live.values()) <= trace.peak


@pytest.mark.parametrize("path", TRACES, ids=name_of)
def test_no_operation_visits_many_blocks(path):
    trace = load(str(path))
    placing = inspect(trace, Scheme("segregated", "deferred"), capacity_for(trace))
    assert placing.failed == 0
    assert placing.visited_most <= 64


def test_each_is_of_a_program_that_is_here():
    programs = [name_of(path) for path in sorted((FOLDER / "programs").glob("*.py"))]
    assert [name_of(path) for path in TRACES] == programs
    assert len(TRACES) >= 6
    assert sum(path.stat().st_size for path in TRACES) < 1_000_000


@pytest.mark.slow
def test_one_can_be_made_again(tmp_path):
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    program = FOLDER / "programs" / "parse_json.py"
    made = make.record(program, tmp_path / "recorded.trace.gz")
    (tmp_path / "made.trace").write_bytes(made)
    recorded = read_trace(tmp_path / "recorded.trace.gz")
    trace = read_plain(tmp_path / "made.trace")
    assert [(op.kind, op.bytes) for op in trace.operations] == [
        (op.kind, op.bytes) for op in recorded.operations
    ]
    assert trace.peak == recorded.peak
    assert sorted(trace.live.values()) == sorted(recorded.live.values())
    assert re.fullmatch(rb"([ar] \d+ \d+\n|f \d+\n)+", made)
    most_at_once = max(op.id for op in trace.operations) + 1
    assert len(trace.live) <= most_at_once < len(recorded.operations) / 4
