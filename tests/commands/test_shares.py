"""`rheap view TRACE --at`: who holds the memory at that moment."""

import pytest

from rheap.commands.main import main


@pytest.fixture
def table(tmp_path, capsys, monkeypatch):
    """`table(trace, at)`: the lines of the table by site; none where there is none."""
    path = tmp_path / "trace"

    def table(trace, at="end", columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        path.write_text(trace)
        assert (
            main(["view", str(path), "--at", str(at), "--policy", "best", "--policy", "next"]) == 0
        )
        out = capsys.readouterr().out
        assert out.count("who asked for it") <= 1  # once for all heaps
        return out.partition("who asked for it")[2].splitlines()[1:-1]

    return table


TRACE = (
    "# rheap 2\na 100\ns 1 x.py:3 f\na 3000\na 0\ns 2 y.py:7 <module>\nr 2 900\nf 1\na 40\nf 1\n"
)


def rows(lines):
    return [line.split() for line in lines]


def test_the_bytes_and_blocks_of_each_site(table):
    assert rows(table(TRACE, "end")) == [
        ["y.py:7", "<module>", "900", "B", "1", "90.0%"],
        ["unknown", "site", "100", "B", "1", "10.0%"],
    ]
    assert rows(table(TRACE, "peak")) == [
        ["x.py:3", "f", "2.93", "KiB", "1", "96.8%"],
        ["unknown", "site", "100", "B", "1", "3.2%"],
    ]
    assert rows(table(TRACE, 3))[0] == ["x.py:3", "f", "2.93", "KiB", "2", "96.8%"]
    assert table(TRACE, 0) == []


def test_a_trace_without_sites_has_no_table(table):
    assert table("a 0 100\na 1 200\n") == []
    assert table("# rheap 2\na 100\nt 1\na 5\n") == []


def test_nothing_is_no_part_of_nothing(table):
    assert rows(table("# rheap 2\ns 1 x\na 0\n")) == [["x", "0", "B", "1", "0.0%"]]


def test_the_largest_have_a_line_and_the_rest_share_one(table):
    def trace(count):
        return "# rheap 2\n" + "".join(f"s {n} x.py:{n} f\na {n}\n" for n in range(1, count + 1))

    assert len(table(trace(11))) == 11
    lines = rows(table(trace(30)))
    assert [line[0] for line in lines] == [f"x.py:{n}" for n in range(30, 20, -1)] + ["20"]
    assert lines[-1] == ["20", "other", "sites", "210", "B", "20", "45.2%"]


def test_names_fit_the_terminal_and_can_be_printed(table):
    trace = f"# rheap 2\ns 1 {'/folder' * 30}/file.py:12 function\na 1\ns 2 a\\nb\x1b.py:1 f\na 1\n"
    for columns in (60, 80, 200):
        long, odd = table(trace, columns=columns)
        assert len(long) <= columns
        assert "/file.py:12 function" in long
        assert odd.startswith(r"a\nb\x1b.py:1 f")
