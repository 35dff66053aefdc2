"""The benchmark measures what it says and prints what it measured. No time is asserted."""

import rheap.bench
from rheap.cli import main


def test_each_statement_has_a_ratio_within_its_spread():
    ratios = rheap.bench.measure(rounds=5, calls=10)
    assert [ratio.statement for ratio in ratios] == list(rheap.bench.STATEMENTS)
    for ratio in ratios:
        assert ratio.median > 0
        assert ratio.low <= ratio.high


def test_the_command_prints_a_line_a_statement(capsys, monkeypatch):
    monkeypatch.setattr(rheap.bench, "ROUNDS", 3)
    monkeypatch.setattr(rheap.bench, "CALLS", 10)
    assert main(["bench"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "bytearray(64)" in lines[0]
    assert [line.strip().partition("  ")[0] for line in lines[1:]] == list(rheap.bench.STATEMENTS)
