"""Traces that take long to read: there are signs of life, Ctrl-C works, and memory may run out."""

import contextlib
import gzip
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import SANITIZED

from rheap.console import progress

RHEAP = [sys.executable, "-m", "rheap"]
PAIRS = 10_000_000  # in some 120 KB


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    path = tmp_path_factory.mktemp("huge") / "huge.trace.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"# rheap 2\n")
        for _ in range(10):
            file.write(b"a 8\nf 1\n" * (PAIRS // 10))
    return path


def is_open(path, pid):
    folder = Path(f"/proc/{pid}/fd")
    with contextlib.suppress(OSError):
        return any(file.exists() and file.samefile(path) for file in folder.iterdir())
    return False


@pytest.mark.slow
@pytest.mark.parametrize("command", ["replay", "view", "export"])
def test_an_interrupt_while_it_is_read(huge, command):
    with subprocess.Popen([*RHEAP, command, huge], stdout=subprocess.DEVNULL) as process:
        while not is_open(huge, process.pid):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


@pytest.mark.slow
@pytest.mark.skipif(SANITIZED, reason="a sanitizer needs address space itself")
def test_too_little_memory(huge):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (250 << 20, 250 << 20))

    done = subprocess.run(
        [*RHEAP, "replay", huge], preexec_fn=limit, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "rheap replay: there is not enough memory for that\n"


def test_a_line_now_and_then_where_nobody_watches(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    with progress.Progress("reading x", 200) as shown:
        shown.advance(50)
        shown.advance(100)
    assert capsys.readouterr().err == "reading x  25%\nreading x  50%\n"


def test_no_line_for_what_is_soon_done(capsys):
    with progress.Progress("reading x", 200) as shown:
        shown.advance(50)
    assert capsys.readouterr().err == ""
