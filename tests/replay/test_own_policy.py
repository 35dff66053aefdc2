"""A placement policy of one's own, in Python, on the real region."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
from test_replay import COALESCING, FIRST, parse, places, random_trace

from rheap import WrongChoice
from rheap.commands.main import main
from rheap.replay.measure import Scheme, capacity_for, inspect
from rheap.replay.own import Hole, OwnPolicy

CAPACITY = 1 << 20


def best_fit(size: int, holes: list[Hole]) -> Hole | None:
    """The smallest hole that is large enough, the lowest of equal ones."""
    best = None
    for hole in holes:
        if hole.size < size:
            continue
        if best is None or hole.size < best.size:
            best = hole
    return best


def first_fit(size: int, holes: list[Hole]) -> Hole | None:
    return next((hole for hole in holes if hole.size >= size), None)


def worst_fit(size: int, holes: list[Hole]) -> Hole | None:
    fitting = [hole for hole in holes if hole.size >= size]
    return max(fitting, key=lambda hole: hole.size, default=None)


def own(function: object) -> OwnPolicy:
    return OwnPolicy("own", function)  # type: ignore[arg-type]


@pytest.fixture
def written(tmp_path: Path):
    """Writes a file with this function and gives what `--policy` takes."""

    def write(source: str, name: str = "choose") -> str:
        path = tmp_path / "mine.py"
        path.write_text(textwrap.dedent(source))
        return f"{path}:{name}"

    return write


@pytest.fixture
def trace_file(tmp_path: Path) -> str:
    path = tmp_path / "trace"
    path.write_text("12\n" + random_trace(300, seed=4))
    return str(path)


@pytest.mark.parametrize("coalesce", COALESCING)
@pytest.mark.parametrize(
    ("function", "name"), [(best_fit, "best"), (first_fit, "first"), (worst_fit, "worst")]
)
def test_a_textbook_policy_equals_the_native_one(function, name, coalesce):
    trace = parse(random_trace(2500, seed=3))
    for capacity in (capacity_for(trace), trace.peak_block_bytes * 9 // 10 // 8 * 8):
        ours = places(trace, Scheme(own(function), coalesce), capacity)
        assert ours == places(trace, Scheme(name, coalesce), capacity)
    placing = inspect(trace, Scheme(own(function), coalesce), 4 * capacity_for(trace))
    assert placing.failed == 0


def test_holes_come_in_address_order_and_the_wilderness_last():
    seen = []

    def choose(size, holes):
        seen.append((size, list(holes)))
        return first_fit(size, holes)

    trace = parse("a 0 24\na 1 24\na 2 24\na 3 24\nf 2\nf 0\na 4 100\n")
    places(trace, Scheme(own(choose), "immediate"), 256)
    first = seen[0][1][0].offset
    assert seen[0] == (32, [Hole(first, 256)])
    assert seen[-1] == (112, [Hole(first, 32), Hole(first + 64, 32), Hole(first + 128, 128)])


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("holes[-1].offset", "answered 20"),
        ("'here'", "answered 'here'"),
        ("(1, 2, 3)", "answered (1, 2, 3)"),
        ("(-1, 5)", "answered (-1, 5)"),
        ("(2**70, 5)", "answered (1180591620717411303424, 5)"),
        ("(holes[-1].offset + 8, 5)", "answered (20"),
        ("('x', 5)", "answered ('x', 5)"),
        ("holes[0]", "answered Hole(+0x4ff8, 24 bytes)"),
    ],
)
def test_a_wrong_answer_names_the_operation(written, tmp_path, capsys, answer, shown):
    trace = tmp_path / "trace"
    trace.write_text("# one\na 0 10\na 1 10\nf 0\na 2 99\na 3 10\n")
    source = f"""
        def choose(size, holes):
            return {answer} if size > 100 else holes[-1]
    """
    options = ["--policy", written(source), "--coalesce", "immediate"]
    assert main(["replay", str(trace), *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"rheap replay: {trace}, line 5, operation 3: the policy ")
    assert shown in error
    assert "no hole of at least 112 bytes" in error
    assert "Traceback" not in error


def test_nothing_is_damaged_by_a_wrong_answer():
    right = iter([True, True, False, True])

    def choose(size, holes):
        return holes[-1] if next(right) else Hole(holes[-1].offset + 16, 100)

    inspection = Scheme(own(choose), "deferred").inspect(parse("a 0 9\na 1 9\na 2 9\n"), CAPACITY)
    first, second = inspection.step(), inspection.step()
    for _ in range(1):
        with pytest.raises(WrongChoice) as caught:
            inspection.step()
        assert (caught.value.line, caught.value.operation, caught.value.size) == (3, 2, 24)
    assert inspection.step() == second + (second - first)
    inspection.finish(lambda done: None)


def test_none_refuses():
    trace = parse("a 0 10\na 1 1000\na 2 10\nf 1\n")

    def choose(size, holes):
        return None if size > 100 else holes[-1]

    placing = inspect(trace, Scheme(own(choose), "deferred"), CAPACITY)
    assert (placing.requests, placing.failed) == (3, 1)


def test_what_the_function_raises_is_shown_with_its_traceback(written, trace_file, capsys):
    policy = written("def choose(size, holes):\n    return holes[10**6]\n")
    assert main(["replay", trace_file, "--policy", policy]) == 1
    error = capsys.readouterr().err
    assert "return holes[10**6]" in error
    assert error.endswith("IndexError: list index out of range\n")
    policy = written("import socket\ndef choose(size, holes):\n    raise OSError('mine')\n")
    assert main(["replay", trace_file, "--policy", policy]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "functions"),
    [
        (
            "def choose(size, holes):\n    return inner()\ndef inner():\n    1 / 0\n",
            ["choose", "inner"],
        ),
        ("1 / 0\n", ["<module>"]),
        ("def choose(size): pass\n", []),
        ("def choose(size, holes):\n    import json\n    json.loads('')\n", ["choose", "loads"]),
    ],
)
def test_the_traceback_begins_in_the_users_own_code(written, trace_file, capsys, source, functions):
    assert main(["replay", trace_file, "--policy", written(source)]) == 1
    error = capsys.readouterr().err
    found = re.findall(r'^  File "(.*)", line \d+, in (.*)$', error, re.MULTILINE)
    assert [function for _, function in found][: len(functions)] == functions
    assert all(path.endswith("mine.py") or "json" in path for path, _ in found)
    assert ("Traceback" in error) == bool(functions)


@pytest.mark.parametrize(
    ("source", "name", "status", "reason"),
    [
        ("choose = 3\n", "choose", 2, "has no function 'choose'"),
        ("def choose(): pass\n", "chose", 2, "has no function 'chose'"),
        ("def choose(\n", "choose", 1, "SyntaxError"),
        ("1 / 0\n", "choose", 1, "ZeroDivisionError"),
        ("def choose(size): pass\n", "choose", 1, "takes 1 positional argument"),
    ],
)
def test_a_file_without_a_policy_is_said(written, trace_file, capsys, source, name, status, reason):
    assert main(["replay", trace_file, "--policy", written(source, name)]) == status
    assert reason in capsys.readouterr().err


def test_no_such_file(trace_file, capsys):
    assert main(["replay", trace_file, "--policy", "/no/such/file.py:choose"]) == 1
    assert capsys.readouterr().err.startswith("rheap replay: [Errno 2] No such file")


def test_it_stands_beside_the_native_ones_in_the_table(written, trace_file, capsys):
    policy = written("def choose(size, holes):\n    return holes[-1]\n")
    options = [
        "--policy",
        policy,
        "--policy",
        "best",
        "--repeat",
        "1",
        "--json",
        "--coalesce",
        "immediate",
    ]
    assert main(["replay", trace_file, *options, "--capacity", "64 MiB"]) == 0
    mine, best = json.loads(capsys.readouterr().out)["traces"][0]["results"]
    assert mine["timing"] is None and best["timing"] is not None
    assert mine["placing"]["extent"] > best["placing"]["extent"]
    assert mine["score"]["utilisation"] < best["score"]["utilisation"]


def test_it_plays_exercises(written, capsys):
    policy = written("def choose(size, holes):\n    return holes[-1]\n")
    options = ["--policy", policy, "--coalesce", "immediate"]
    assert main(["replay", "--ops", "+40,+8,-0,+8", *options]) == 0
    out = capsys.readouterr().out
    assert "mine.py:choose, coalescing immediate" in out
    assert f"+8  allocation 2 goes to +0x{FIRST + 48 + 24:x}" in out
