"""The page as a file: what stands in it, and how it is joined. No browser is needed."""

import base64
import json
import os
import re
import zlib
from collections import Counter
from pathlib import Path

import pytest
from support import TRACES

import rheap
from rheap.commands.main import main
from rheap.player.page import script

SOURCES = Path(rheap.__file__).parent / "player/web"
SCRIPTS = {path.name: path.read_text() for path in SOURCES.glob("*.js")}
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+\.js)";$', re.MULTILINE)
DEFINED = re.compile(r"^(?:export )?(?:async )?(?:const|let|function\*?|class) (\w+)", re.MULTILINE)
SECTION = re.compile(r'<script type="text/plain" id="section-([\w-]+)">([A-Za-z0-9+/=]*)</script>')


def sections_of(path):
    return {
        name: zlib.decompress(base64.b64decode(text))
        for name, text in SECTION.findall(path.read_text())
    }


def described(path):
    return json.loads(sections_of(path)["description"])


def columns_of(path, name):
    """The columns of a section as lists of numbers."""
    description = described(path)
    kind, number = name.split("-")
    lengths = description[f"{kind}s"][int(number)]["columns"]
    data, at, columns = sections_of(path)[name], 0, {}
    for column, length in lengths.items():
        columns[column] = numbers(data[at : at + length])
        at += length
    assert at == len(data)
    return columns


def numbers(data):
    found, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(value)
            value = shift = 0
    return found


# --- the scripts ------------------------------------------------------------------------------


def test_each_script_stands_in_the_page_once_behind_what_it_needs():
    joined = script()
    order = re.findall(r"^// --- (\w+\.js) ---$", joined, re.MULTILINE)
    assert sorted(order) == sorted(SCRIPTS)
    assert order[-1] == "main.js"
    for name, text in SCRIPTS.items():
        for _, needed in IMPORT.findall(text):
            assert order.index(needed) < order.index(name), (name, needed)
    assert not re.search(r"^(import|export) ", joined, re.MULTILINE)


def test_what_is_imported_is_exported_and_used():
    for name, text in SCRIPTS.items():
        for names, needed in IMPORT.findall(text):
            for each in re.findall(r"\w+", names):
                assert re.search(rf"^export .*\b{each}\b", SCRIPTS[needed], re.MULTILINE), each
                assert len(re.findall(rf"\b{each}\b", text)) > 1, (name, each)


def test_no_two_scripts_define_a_name():  # joined they share one scope
    names = [name for text in SCRIPTS.values() for name in DEFINED.findall(text)]
    assert "Player" in names
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_each_script_says_what_it_is_for():
    for name, text in SCRIPTS.items():
        assert text.startswith("// "), name


def test_names_are_only_ever_set_as_text():
    for name, text in SCRIPTS.items():
        for unsafe in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
            assert unsafe not in text, name


def test_elements_that_scripts_ask_for_are_there():
    page = (SOURCES / "page.html").read_text()
    for text in SCRIPTS.values():
        for name in re.findall(r'byId\("([\w-]+)"\)', text):
            assert f'id="{name}"' in page, name
    for name in re.findall(r'data-part="(\w+)"', page):
        assert f'"{name}"' in SCRIPTS["stage.js"], name


# --- the page ---------------------------------------------------------------------------------


def test_it_names_no_other_place(tmp_path):
    path = tmp_path / "run.html"
    assert main(["view", "--ops", "+1", "-o", str(path)]) == 0
    text = path.read_text()
    assert not re.search(r"https?:|src=|@import|url\(", text)
    assert "default-src 'none'" in text


def test_what_a_trace_asks_for_stands_in_its_columns(tmp_path):
    (tmp_path / "trace").write_text("a 5 100\na 6 3000000000\nr 5 7\nf 5\n")
    path = tmp_path / "run.html"
    assert main(["view", str(tmp_path / "trace"), "-o", str(path), "--capacity", "1 MiB"]) == 0
    columns = columns_of(path, "trace-0")
    assert columns["kinds"] == [0, 0, 1, 2]
    assert columns["blocks"] == [2, 2]
    assert columns["bytes"] == [100, 3_000_000_000, 7]
    assert columns["sites"] == columns["times"] == []
    run = columns_of(path, "run-0")
    assert run["refused"] == [1]
    assert run["births"] == [1, 0, 2, 1]  # made; refused; shrunk, with a retreat; freed
    assert described(path)["runs"][0]["placing"]["failed"] == 1


def test_times_threads_and_sites_come_along(tmp_path):
    hostile = "</script><b>\x1b[31m"
    path = tmp_path / "run.html"
    with rheap.Heap("1 MiB", debug=True) as heap:
        code = compile("heap.alloc(40).free()", hostile, "exec")
        with heap.record(tmp_path / "own.trace", sites=True):
            exec(code, {"heap": heap})
    assert main(["view", str(tmp_path / "own.trace"), "-o", str(path)]) == 0
    assert hostile not in path.read_text()
    (site,) = filter(None, described(path)["traces"][0]["sites"])
    assert site.isprintable() and site.startswith("</script><b>\\x1b[31m:1")
    assert columns_of(path, "trace-0")["sites"][0] == 1


def test_lists_are_told_of_short_runs_only(tmp_path):
    path = tmp_path / "run.html"
    for trace, has_lists in ((TRACES / "compute_decimal.trace.gz", False), ("--random", True)):
        arguments = [str(trace), *(["30"] if has_lists else [])]
        assert main(["view", *arguments, "-o", str(path)]) == 0
        assert described(path)["runs"][0]["has_lists"] == has_lists
        assert (columns_of(path, "run-0")["splices"] != []) == has_lists


def test_runs_are_each_trace_with_each_scheme(tmp_path):
    path = tmp_path / "run.html"
    for name in ("one", "two"):
        (tmp_path / name).write_text("a 1 10\nf 1\n")
    traces = [str(tmp_path / name) for name in ("one", "two")]
    assert main(["view", *traces, "--policy", "best", "--policy", "first", "-o", str(path)]) == 0
    names = [run["name"].rpartition("/")[2] for run in described(path)["runs"]]
    assert names == [
        f"{trace}: {policy}, coalescing deferred"
        for trace in ("one", "two")
        for policy in ("best", "first")
    ]


# --- the file ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "name"), [("-o", "run.html"), ("--svg", "run.svg")])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_played(
    tmp_path, capsys, monkeypatch, option, name
):
    monkeypatch.setattr("rheap.commands.view.load_trace", None)  # calling it fails
    for place in (tmp_path / "nowhere" / name, tmp_path):
        path = place if place.suffix else place / name
        if path.parent == tmp_path:
            path.mkdir()
        assert main(["view", str(tmp_path / "trace"), option, str(path)]) == 1
        error = capsys.readouterr().err
        assert name in error and error.count("\n") == 1


@pytest.mark.parametrize("before", [None, "kept"])
def test_a_run_that_fails_leaves_the_file_as_it_was(tmp_path, before):
    path = tmp_path / "run.html"
    if before:
        path.write_text(before)
    (tmp_path / "trace").write_text("a 1 nothing\n")
    assert main(["view", str(tmp_path / "trace"), "-o", str(path)]) == 1
    assert (path.read_text() if path.exists() else None) == before
    assert main(["view", "--ops", "+1", "-o", str(path)]) == 0
    assert path.read_text().startswith("<!doctype html>")
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_ending_that_is_not_html_is_refused(tmp_path, capsys):
    assert main(["view", "--ops", "+1", "-o", str(tmp_path / "run.txt")]) == 2
    assert "-o writes HTML, so its file ends in .html" in capsys.readouterr().err
