"""`rheap shm`: which shared heaps there are, and who has what in one."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

import rheap
from rheap.names import folder

PROGRAM = """
import sys
from rheap.names import folder
from rheap.commands.main import main
folder._SHARED_MEMORY = sys.argv[1]
sys.exit(main(["shm", *sys.argv[2:]]))
"""


@pytest.fixture(autouse=True)
def shared_memory(tmp_path, monkeypatch):
    """No heap of anybody else's is here."""
    monkeypatch.setattr(folder, "_SHARED_MEMORY", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def name():
    return f"camera {uuid.uuid4()}"


@pytest.fixture
def shm(shared_memory):
    """Runs it as a process of its own: status and output."""

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(shared_memory), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_none(shm):
    status, text = shm()
    assert status == 0
    assert "No living process" in text


def test_a_heap_and_who_has_what(name, shm):
    with rheap.SharedHeap("1 MiB", name=name) as heap:
        kept, sent = heap.alloc(1000), heap.alloc(300)
        heap.ticket(sent)
        status, text = shm()
        assert status == 0
        (row,) = [line for line in text.splitlines() if name in line]
        assert row.split()[2:9] == ["1", "MiB", "1.27", "KiB", "2", "1", "1"]
        status, text = shm(name)
        assert status == 0
        assert "2 blocks" in text
        assert f"in flight: 300 bytes at +0x{sent.offset:x}, by process {os.getpid()}" in text
        del kept


def test_a_name_that_nobody_has(name, shm):
    status, text = shm(name)
    assert status == 1
    assert "no living process" in text


def test_dangling_names_are_removed(name, shm):
    root = Path(folder._root())
    (root / name).mkdir(parents=True)
    root.chmod(0o700)
    os.symlink("1:2:3:4:owner", root / name / "1")
    assert shm()[0] == 0
    assert list(root.iterdir()) == []


def test_a_name_that_cannot_be_printed_is_shown_with_escapes(shm):
    with rheap.SharedHeap("1 MiB", name="a\x1b[31m"):
        _, text = shm()
    assert "a\\x1b[31m" in text
    assert "\x1b" not in text
