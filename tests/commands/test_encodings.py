"""Names that an output cannot encode: they are escaped in it, and nothing fails."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

import rheap

NAME = "snow\N{SNOWMAN}"
SITE = f"/{NAME}/caf\xe9.py:3 gr\xfc\xdfe"
TRACE = f"# rheap 2\ns 1 {SITE}\na 100\na 50\nf 1\n"


@pytest.fixture(autouse=True)
def _trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(f"{NAME}.trace").write_text(TRACE, encoding="utf-8")


def rheap_command(encoding, *arguments, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "rheap", *arguments],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.fixture(params=["ascii", "latin-1", "utf-8"])
def encoding(request):
    return request.param


def written(text, encoding):
    return text.encode(encoding, "backslashreplace").decode(encoding)


def test_the_table_of_sites(encoding):
    out, _ = rheap_command(encoding, "view", f"{NAME}.trace", "--at", "peak")
    assert written("caf\xe9.py:3", encoding) in out


@pytest.mark.parametrize(
    "arguments",
    [["replay", "--repeat", "1"], ["view"], ["view", "--at", "2"], ["export"]],
    ids=" ".join,
)
def test_names_of_files(encoding, arguments):
    command, *options = arguments
    rheap_command(encoding, command, f"{NAME}.trace", *options)


def test_a_picture_and_a_page_are_utf_8(encoding):
    rheap_command(encoding, "view", f"{NAME}.trace", "--svg", "run.svg", "-o", "run.html")
    for file in ("run.svg", "run.html"):
        assert Path(file).read_text(encoding="utf-8")


def test_what_is_not_there(encoding):
    _, err = rheap_command(encoding, "replay", f"{NAME} missing.trace", status=1)
    assert written(NAME, encoding) in err or "snow" in err


def test_a_program_that_is_recorded(encoding):
    Path(f"{NAME}.py").write_text("print('well')")
    out, err = rheap_command(encoding, "record", f"{NAME}.py")
    assert out == "well\n"
    assert written(f"{NAME}.trace.gz", encoding) in err


def test_names_of_heaps(encoding):
    name = f"{NAME} {uuid.uuid4()}"
    with rheap.SharedHeap("1 MiB", name=name):
        out, _ = rheap_command(encoding, "shm")
        assert written(name, encoding) in out
        out, _ = rheap_command(encoding, "shm", name)
        assert written(name, encoding) in out


def test_the_tour(encoding):
    assert len(rheap_command(encoding, "tour")[0]) > 1000
