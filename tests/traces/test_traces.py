"""Trace files: what is one, what is not and where it stops being one, and what is written."""

from __future__ import annotations

import contextlib
import gzip
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_text import parse, refusal, written

import rheap
from rheap import _core
from rheap.commands.main import main
from rheap.errors import TraceError
from rheap.traces import load

PLAIN = "a 0 10\na 1 20\nr 0 30\nf 1\na 2 8\nf 0\n"


def test_every_way_to_write_a_trace_says_the_same():
    ways = [
        PLAIN,
        "1\n2 3\n\n99\n" + PLAIN,
        PLAIN.rstrip("\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(" ", "\t "),
        "# a remark\n\n" + PLAIN.replace("f 1\n", "\n# another\n  f 1\n"),
        "# rheap 1\n" + PLAIN,
        "# rheap 1 time\n" + PLAIN.replace("\n", " 5\n"),
        "# rheap 1 time thread site\n" + PLAIN.replace("\n", " 5 0 a b.py:3 f\\\\g\n"),
        "# rheap 1 thread site\n" + PLAIN.replace("\n", " 1 ä.py:3 <lambda>\n"),
        "# rheap 1 site\n" + PLAIN.replace("\n", " \n"),
    ]
    for text in ways:
        assert written(parse(text)) == PLAIN.splitlines(), text
        assert written(parse(text, parts=len(text))) == PLAIN.splitlines(), text


TIMED = "# rheap 1 time thread site\na 0 10 5 0 x.py:3 f\na 17 20 6 0 x.py:3 \xe4\nf 17 71 0\n"


def test_a_file_may_break_off_anywhere(tmp_path, capsys):
    data = TIMED.encode()
    path = tmp_path / "trace"
    for length in range(TIMED.index("x.py"), len(data)):
        for tail in (b"", bytes(1 << 19)):
            whole = data[:length].count(b"\n")
            path.write_bytes(data[:length] + tail)
            trace = load(str(path))
            said = capsys.readouterr().err
            if trace.torn_line is None:
                assert said == ""
            else:
                assert trace.torn_line == whole + 1
                assert said == f"{path} breaks off in line {whole + 1}, which is left out\n"
            # Never what was not written: the last line may count when nothing that matters is cut.
            assert written(trace) == ["a 0 10", "a 1 20", "f 1"][: len(trace)]
            assert whole - 1 <= len(trace) <= whole


def test_a_line_that_is_torn_in_between_is_refused(tmp_path):
    path = tmp_path / "trace"
    for torn in (b"a 1", b"a 1 2\0\0\0", b"\0\0", b"a 1 2 \xe4"):
        path.write_bytes(b"a 0 1\n" + torn + b"\na 2 3\n")
        with pytest.raises(TraceError, match=", line 2: "):
            load(str(path))
    path.write_bytes(b"a 0 1\n\0\0\0a 2 3\n")
    with pytest.raises(TraceError, match=", line 2: "):
        load(str(path))


def test_every_command_tells_what_is_left_out(tmp_path, capsys):
    path = str(tmp_path / "trace")
    Path(path).write_text("a 0 1\nf")
    for command in (["replay", path, "--repeat", "1"], ["view", path], ["export", path]):
        assert main(command) == 0
        assert "breaks off in line 2" in capsys.readouterr().err


def test_a_trace_that_unzips_to_nothing_but_line_ends_is_refused_soon(tmp_path):
    path = tmp_path / "trace.gz"
    member = gzip.compress(b"\n" * (1 << 24))
    path.write_bytes(member * 4000)  # 64 GiB
    with pytest.raises(TraceError, match="line 1000001: there is no operation"):
        load(str(path))


@pytest.mark.parametrize("line", [b"a 1 1\nf 1\n", b"\0", b"#" * 80 + b"\n"], ids=repr)
def test_ctrl_c_ends_the_reading_of_an_endless_file(tmp_path, line):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    command = [sys.executable, "-m", "rheap", "replay", path]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        with contextlib.suppress(BrokenPipeError), open(path, "wb", buffering=0) as fifo:
            for _ in range(50):
                fifo.write(line * 1000)  # comes back once most of it was read
            process.send_signal(signal.SIGINT)
            while True:
                fifo.write(line * 1000)
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(60) in ((130,) if line.startswith(b"a") else (1, 130))


def test_an_id_may_be_used_again_after_its_free():
    trace = parse(f"a 7 1\nf 7\na 7 2\na {2**64 - 1} 0\nf 7\n")
    assert written(trace) == ["a 0 1", "f 0", "a 1 2", "a 2 0", "f 1"]
    assert trace.allocations == 3
    assert len(trace) == 5


def test_the_peaks_are_those_of_what_is_live():
    trace = parse("a 0 1\na 1 100\nf 1\na 2 24\nr 2 17\n")
    assert trace.peak_bytes == 101
    assert trace.peak_block_bytes == 24 + 112  # word, padded to 8, at least 24


def test_lines_are_found_again():
    trace = parse("1\n\na 0 1\n# x\na 1 1\nf 1\n\n\nf 0\n")
    assert [trace.line(number) for number in range(len(trace))] == [3, 5, 6, 9]
    with pytest.raises(IndexError):
        trace.line(4)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a 0 1\nx 0\n", 2, "unknown operation 'x'; known are a, r, f"),
        ("a 0 1\nab 0\n", 2, "unknown operation 'ab'; known are a, r, f"),
        ("a 0 1\n17\n", 2, "unknown operation '17'; known are a, r, f"),
        ("a 0 1\nf 1\n", 2, "f of id 1, which is not live: it was not allocated, or freed before"),
        ("a 0 1\nf 0\nf 0\n", 3, "f of id 0, which is not live"),
        ("a 0 1\nf 0\nr 0 9\n", 3, "r of id 0, which is not live"),
        ("a 0 1\na 0 1\n", 2, "a of id 0, which is live: it was not freed yet"),
        ("a 0 -5\n", 1, "the size '-5' is negative"),
        ("a 0 1099511627777\n", 1, "the size 1099511627777 is more than 1 TiB"),
        ("a 0 99999999999999999999\n", 1, "the size '99999999999999999999' is 2**64 or more"),
        ("a 18446744073709551616 1\n", 1, "the id '18446744073709551616' is 2**64 or more"),
        ("a -1 1\n", 1, "the id '-1' is negative"),
        ("a 0x1 1\n", 1, "the id '0x1' is no number"),
        ("a 0 1.5\n", 1, "the size '1.5' is no number"),
        ("a 0 +5\n", 1, "the size '+5' is no number"),
        ("a\n", 1, "the id is missing"),
        ("a 0\n", 1, "the size is missing"),
        ("a 0 1 2\n", 1, "'2' stands behind the last field"),
        ("a 0 1\nf 0 1\n", 2, "'1' stands behind the last field"),
        ("# rheap 1 time\na 0 1\n", 2, "the time is missing"),
        ("# rheap 1 time\na 0 1 5 6\n", 2, "'6' stands behind the last field"),
        ("# rheap 1 thread site\na 0 1 x.py:1 f\n", 2, "the thread 'x.py:1' is no number"),
        ("# rheap 1 thread\na 0 1 4294967296\n", 2, "the thread 4294967296 is 2**32 or more"),
        ("# rheap 3\n", 1, "format version '3' is unknown; this rheap reads versions 1 and 2"),
        ("# rheap 1 thread time\n", 1, "column 'time' is not one of time, thread, site"),
        ("# rheap 1 colour\n", 1, "column 'colour' is not one of time, thread, site"),
        ("\x7fELF\x02\x01\x00\n", 1, r"unknown operation '\x7fELF\x02\x01\x00'"),
        ("a 0 1\nf " + "9" * 99 + "\n", 2, "the id '" + "9" * 40 + "...' is 2**64 or more"),
        ("", 1, "the text ends before its first allocation"),
        ("12\n# only remarks\n", 3, "the text ends before its first allocation"),
        ("a 0 1\nc\n", 2, "unknown operation 'c'; known are a, r, f"),
        ("a 0 1\n" + "x" * 1_048_577, 2, "the line is longer than 1048576 bytes"),
        ("x 0", 1, "unknown operation 'x'"),
        ("a 0 1\n" + "\n" * 1_000_001, 1_000_002, "there is no operation in 1000000 lines"),
        ("# b\n" * 1_000_001, 1_000_001, "there is no operation in 1000000 lines"),
        ("1\n" * 1_000_001, 1_000_001, "there is no operation in 1000000 lines"),
    ],
)
def test_what_is_no_trace_is_refused_where_it_stops(text, line, reason):
    where, why = refusal(text)
    assert where == line
    assert why.startswith(reason)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", ["trace", "trace.gz", "trace.txt"])
def test_gzip_is_told_by_its_first_bytes(tmp_path, name, zipped):
    path = tmp_path / name
    path.write_bytes(gzip.compress(PLAIN.encode()) if zipped else PLAIN.encode())
    trace = load(str(path))
    assert trace.source == str(path)
    assert written(trace) == PLAIN.splitlines()


def test_gzip_in_several_members(tmp_path):
    path = tmp_path / "trace"
    path.write_bytes(gzip.compress(b"a 0 1\na 1") + gzip.compress(b" 2\n"))
    assert written(load(str(path))) == ["a 0 1", "a 1 2"]


def test_damaged_gzip_is_refused(tmp_path):
    path = tmp_path / "trace.gz"
    whole = gzip.compress("".join(f"a {n} {n * 7919 % 1000}\n" for n in range(5000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TraceError, match=r"line \d\d\d\d: the gzip data is cut off"):
        load(str(path))
    path.write_bytes(whole[:1000] + b"\0" * 10 + whole[1010:])
    with pytest.raises(TraceError, match="the gzip data is damaged"):
        load(str(path))


def test_a_cut_behind_the_last_line_names_it(tmp_path):
    text = "".join(f"a {n} 1\n" for n in range(200_000))
    zipped = gzip.compress(text.encode())
    path = tmp_path / "trace.gz"
    path.write_bytes(zipped[:-9])
    with pytest.raises(TraceError) as caught:
        load(str(path))
    assert caught.value.line == 200_001


def test_what_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "trace"
    for bad in (
        *(b"\xff", b"\x80", b"\xc3", b"\xc3(", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x9f\xbf"),
        *(b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80"),
        *(b"\xe2\x98", b"\xf0\x9f\x98"),
    ):
        with pytest.raises(UnicodeDecodeError):
            bad.decode()
        path.write_bytes(b"# rheap 1 site\na 0 1 x.py:1 f\na 1 1 " + bad + b".py:1 f\n")
        with pytest.raises(TraceError, match="line 3: not text in UTF-8"):
            load(str(path))
    good = "\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"
    path.write_text(f"# rheap 1 site\na 0 1 {good}\n# {good}\n")
    assert len(load(str(path))) == 1


@given(
    st.sampled_from([b"", b"# rheap 1 time thread site\n", b"# rheap 2\n"]), st.binary(max_size=60)
)
def test_any_bytes_are_a_trace_or_refused(start, data):
    data = start + data
    parser = _core.TraceParser("bytes")
    try:
        parser.feed(data)
        trace = parser.finish()
    except TraceError as error:
        assert (
            1 <= error.line <= data.count(b"\n") + 2
        )  # the line behind the last, if that ends too early
    else:
        assert len(trace) > 0


def test_export_is_a_trace_that_says_the_same(tmp_path, capsysbinary):
    path, plain, zipped = (str(tmp_path / name) for name in ("trace", "plain", "plain.gz"))
    Path(path).write_text("# rheap 1 time\na 5 10 1\na 6 20 2\nf 5 3\na 5 8 4\n")
    whole = b"56\n3\n4\n1\na 0 10\na 1 20\nf 0\na 2 8\n"
    assert main(["export", path]) == 0
    assert capsysbinary.readouterr().out == whole
    assert main(["export", path, plain]) == 0
    assert Path(plain).read_bytes() == whole
    assert main(["export", path, zipped]) == 0
    with gzip.open(zipped) as file:
        assert file.read() == whole
    assert written(load(zipped)) == written(load(path))


def test_export_leaves_compactions_out(tmp_path, capsysbinary):
    path = tmp_path / "trace"
    path.write_text("# rheap 2\nc\na 10\nc 100\na 20\nf 2\nc\n")
    assert main(["export", str(path)]) == 0
    assert capsysbinary.readouterr().out == b"56\n2\n3\n1\na 0 10\na 1 20\nf 0\n"


def test_what_cannot_be_read_is_said_in_a_line(tmp_path, capsys):
    path = tmp_path / "trace"
    assert main(["export", str(path)]) == 1
    assert "No such file" in capsys.readouterr().err
    path.write_text("a 0 1\nf 9\n")
    assert main(["export", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"rheap export: {path}, line 2: f of id 9")
    assert error.count("\n") == 1


def test_a_reader_that_leaves_is_no_error(tmp_path):
    path = tmp_path / "trace"
    path.write_text("".join(f"a {n} 1\n" for n in range(100_000)))
    command = [sys.executable, "-m", "rheap", "export", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_the_error_is_a_value_error_and_survives_pickling():
    error = pickle.loads(pickle.dumps(rheap.TraceError("file", 3, "why")))
    assert isinstance(error, ValueError)
    assert (error.file, error.line, error.reason) == ("file", 3, "why")
