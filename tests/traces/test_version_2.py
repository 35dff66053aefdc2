"""Version 2 of the format, and the time, thread and site that a trace of either version tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_text import parse, refusal, written

from rheap import _core
from rheap.errors import TraceError
from rheap.traces import load

OPERATIONS = ["a 0 10", "a 1 20", "r 0 30", "f 1", "a 2 8", "f 0"]
V2 = "# rheap 2\na 10\na 20\nr 2 30\nf 1\na 8\nf 3\n"


def test_version_2_says_the_same():
    ways = [
        V2,
        V2.replace("\n", "\r\n"),
        V2.replace(" ", "\t ").replace("\t", "", 2),
        V2.replace("\nf 1\n", "\n# a remark\n\nt 3\n  f 1\n"),
        V2.replace("\nf", "\nc\n c\t7 \r\nf"),
        V2.replace("\na", "\nu 5\nt 0\ns 1 ä.py:3 f\\\\g\na", 1).replace("\nr", "\ns 0\nr"),
    ]
    for text in ways:
        assert written(parse(text)) == OPERATIONS, text
        assert written(parse(text, parts=len(text))) == OPERATIONS, text


def test_a_last_line_of_version_2_counts_once_its_end_is_there(tmp_path, capsys):
    data = b"# rheap 2\ns 1 x.py:3 f\nu 12\na 100\nt 10\na 200\nc 12\nr 2 300\nc\nf 1\n"
    path = tmp_path / "trace"
    operations = ["a 0 100", "a 1 200", "r 0 300", "f 1"]
    for length in range(data.index(b"a 100\n") + len(b"a 100\n"), len(data) + 1):
        for tail in (b"", bytes(1 << 19)):
            path.write_bytes(data[:length] + tail)
            trace = load(str(path))
            assert (trace.torn_line is None) == (capsys.readouterr().err == "")
            assert (trace.torn_line is None) == (data[:length].endswith(b"\n") and not tail)
            whole = [line[:1] for line in data[:length].split(b"\n")[:-1]]
            assert len(trace) == sum(letter in b"arfc" for letter in whole if letter)
            assert (
                written(trace) == operations[: sum(letter in b"arf" for letter in whole if letter)]
            )


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        ("x 0\n", 2, "unknown line 'x'; known are a, r, f, c, s, t, u"),
        ("a 1\n17\n", 3, "unknown line '17'"),
        ("a\n", 2, "the size is missing"),
        ("a 1 2\n", 2, "'2' stands behind the last field"),
        ("a 1099511627777\n", 2, "the size 1099511627777 is more than 1 TiB"),
        ("f 1\n", 2, "no allocation is 1 back; there are 0 before this line, and 1 is the last"),
        ("a 1\nf 0\n", 3, "no allocation is 0 back"),
        ("a 1\nr 2 5\n", 3, "no allocation is 2 back"),
        ("a 1\na 2\nf 2\nr 2 5\n", 5, "r of the block 2 back, which is not live: it was freed"),
        ("a 1\nf 1\nf 1\n", 4, "f of the block 1 back, which is not live: it was freed before"),
        ("a 1\nf -1\n", 3, "the distance '-1' is negative"),
        ("a 1\nr 1\n", 3, "the size is missing"),
        ("s 1\na 1\n", 2, "site 1 has no text yet ('s SITE TEXT')"),
        ("s 2 x\na 1\n", 2, "the next site that gets a text is number 1, not 2"),
        ("s 1 x\ns 1 y\na 1\n", 3, "the next site that gets a text is number 2, not 1"),
        ("s 0 x\na 1\n", 2, "the next site that gets a text is number 1, not 0"),
        ("s\n", 2, "the site is missing"),
        ("t x\n", 2, "the thread 'x' is no number"),
        ("t 1 2\n", 2, "'2' stands behind the last field"),
        ("t 4294967296\n", 2, "the thread 4294967296 is 2**32 or more"),
        ("u 18446744073709551615\nu 1\n", 3, "the time since the beginning is 2**64"),
        ("u\n", 2, "the time is missing"),
        ("a 1", 2, "the text ends before its first allocation ('a BYTES')"),
        ("c\nc 5\n", 4, "the text ends before its first allocation ('a BYTES')"),
        ("a 1\nc x\n", 3, "the bound 'x' is no number"),
        ("a 1\nc -1\n", 3, "the bound '-1' is negative"),
        ("a 1\nc 1 2\n", 3, "'2' stands behind the last field"),
        ("a 1\nc 1099511627777\n", 3, "the bound 1099511627777 is more than 1 TiB"),
        ("a 1\nc 18446744073709551616\n", 3, "the bound '18446744073709551616' is 2**64 or more"),
        ("a 1\n\0\nf 1\n", 3, r"unknown line '\x00'"),
    ],
)
def test_what_is_no_trace_of_version_2_is_refused_where_it_stops(lines, line, reason):
    where, why = refusal("# rheap 2\n" + lines)
    assert where == line
    assert why.startswith(reason)


def column(numbers: bytes | None, code: str) -> list[int] | None:
    return None if numbers is None else memoryview(numbers).cast(code).tolist()


def columns(trace: _core.Trace) -> tuple[list[int] | None, list[int] | None, list[str] | None]:
    """Time, thread and site of each operation."""
    sites = column(trace.sites(), "I")
    names = None if sites is None else [trace.site_names[place] for place in sites]
    return column(trace.times(), "Q"), column(trace.threads(), "I"), names


def test_time_thread_and_site_are_kept_where_a_trace_has_them():
    assert columns(parse("a 0 10\n")) == (None, None, None)
    assert columns(parse(V2)) == (None, None, None)
    one = "# rheap 1 time thread site\na 0 1 5 0 x.py:3 f\n" + (
        "r 0 9 5 2 a\\nb\\\\\nf 0 7 2\na 0 1 7 0 \n"
    )
    two = "# rheap 2\nu 5\nt 0\ns 1 x.py:3 f\na 1\n" + (
        "t 2\ns 2 a\\nb\\\\\nr 1 9\nu 2\nf 1\nt 0\ns 0\na 1\n"
    )
    for text in (one, two):
        trace = parse(text)
        assert columns(trace) == ([5, 5, 7, 7], [0, 2, 2, 0], ["x.py:3 f", "a\nb\\", "", ""])
        assert trace.site_names == ("", "x.py:3 f", "a\nb\\")
    # What comes before the first word on it is 0; each text stands once, and a long one is cut.
    long = "\N{SNOWMAN}" * 1000
    trace = parse(f"# rheap 2\na 1\nt 1\ns 1 x\na 1\ns 2 x\na 1\ns 3 {long}\na 1\ns 2\na 1\n")
    assert columns(trace) == (None, [0, 1, 1, 1, 1], ["", "x", "x", long[:682], "x"])
    assert len(trace.site_names) == 3


@st.composite
def recordings(draw: st.DrawFn) -> tuple[str, list[str], tuple[list[int], list[int], list[str]]]:
    """A trace of version 2 with all columns, its operations, and the columns."""
    lines, operations = ["# rheap 2"], []
    times, threads, sites = [], [], []
    time, born = 0, 0
    live: list[int] = []
    names: list[str] = []
    for _ in range(draw(st.integers(1, 20))):
        time += (passed := draw(st.integers(0, 1000)))
        thread = draw(st.integers(0, 2**32 - 1))
        kind = draw(st.sampled_from("arfc")) if live else "a"
        lines += [f"u {passed}", f"t {thread}"]
        site = ""
        if kind in "ar":
            site = draw(st.text(max_size=9))
            escaped = site.replace("\\", r"\\").replace("\n", r"\n").replace("\r", r"\r")
            if site and site not in names:
                names.append(site)
                lines.append(f"s {len(names)} {escaped}")
            else:
                lines.append(f"s {names.index(site) + 1 if site else 0}")
        size = draw(st.integers(0, 1 << 40))
        if kind == "c":
            lines.append(draw(st.sampled_from(["c", f"c {size}"])))
        elif kind == "a":
            lines.append(f"a {size}")
            live.append(born)
            born += 1
            operations.append(f"a {live[-1]} {size}")
        else:
            block = draw(st.sampled_from(live))
            lines.append(f"{kind} {born - block}" + (f" {size}" if kind == "r" else ""))
            operations.append(f"{kind} {block}" + (f" {size}" if kind == "r" else ""))
            if kind == "f":
                live.remove(block)
        times.append(time)
        threads.append(thread)
        sites.append(site)
    return "\n".join(lines) + "\n", operations, (times, threads, sites)


@given(recordings(), st.integers(1, 50))
def test_what_is_written_is_read_back(recording, parts):
    text, operations, told = recording
    trace = parse(text, parts=parts)
    assert written(trace) == operations
    assert columns(trace) == told


LINES = [
    "a 1",
    "a 99",
    "f 1",
    "f 2",
    "r 1 7",
    "c",
    "c 9",
    "s 1 x",
    "s 1",
    "s 0",
    "t 1",
    "u 3",
    "",
    "# a",
    "x",
]


@given(st.lists(st.sampled_from(LINES) | st.text(max_size=5), max_size=12))
def test_any_lines_are_a_trace_or_refused_at_the_first_that_is_wrong(lines):
    text = "\n".join(["# rheap 2", *lines]) + "\n"
    try:
        parse(text)
    except TraceError as error:
        # What stands before that line is a trace, or has no operation yet.
        before = "".join(line + "\n" for line in text.split("\n")[: error.line - 1])
        try:
            parse(before)
        except TraceError as early:
            assert early.reason.startswith("the text ends before")
