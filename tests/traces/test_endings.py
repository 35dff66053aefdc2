"""However a recorded program ends, its trace holds all that it did and can be replayed."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from support import SANITIZED
from trace_reader import is_gzip, read_trace

from rheap.commands.main import main

LAST = 12345  # bytes of the block that is taken last; nobody else asks for as many

# Each program takes many blocks and a last one. What comes then is its ending.
PROGRAM = f"""
import ctypes, os, signal, sys, time
kill = ctypes.CDLL(None).kill  # allocates nothing
kept = [bytes(1000 - 33) for _ in range(10_000)]
take = lambda: bytes({LAST} - 33)
def work():
    last = take()
{{ending}}
work()
"""
HEAP = f"""
import ctypes, os, signal, sys, time, rheap
kill = ctypes.CDLL(None).kill
heap = rheap.Heap("64 MiB")
take = lambda: heap.alloc({LAST})
with heap.record(sys.argv[1]):
    kept = [heap.alloc(1000) for _ in range(10_000)]
    def work():
        last = take()
{{ending}}
    work()
"""

# One that is compressed at the end was lines until then.
NAMES = [pytest.param("t.trace", marks=pytest.mark.slow), "t.trace.gz"]

# What the program does, its exit status, and whether it comes to the end of its recording.
ENDINGS = {
    "well": ("pass", 0, True),
    "an exception": ("raise LookupError", 1, True),
    "sys.exit": ("sys.exit(3)", 3, True),
    "SIGINT": ("signal.raise_signal(signal.SIGINT)", -signal.SIGINT, True),
    "os._exit": ("os._exit(4)", 4, False),
    "os.abort": ("os.abort()", -signal.SIGABRT, False),
    "SIGTERM": ("kill(os.getpid(), signal.SIGTERM); time.sleep(9)", -signal.SIGTERM, False),
    "SIGKILL": ("kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, False),
    "a wild address": ("ctypes.string_at(8)", 1 if SANITIZED else -signal.SIGSEGV, False),
    "exec": ("os.execv('/bin/sh', ['sh', '-c', 'exit 5'])", 5, False),
    "an exec that fails": ("try: os.execv('/missing', ['x'])\nexcept OSError: pass", 0, True),
    "a daemon": (
        """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 100)
                files = [open(f"file{n}", "w") for n in range(20)]
                more = [take() for _ in range(1000)]
                open("daemon", "w").close()
            os._exit(0)
        os._exit(0)
        """,
        0,
        False,
    ),
    "a child that outlives it": (
        """
        if os.fork() == 0:
            os.close(1), os.close(2)
            if os.getppid() == parent: time.sleep(0.05)
            more = [take() for _ in range(1000)]
            open("daemon", "w").close()
            os._exit(0)
        """,
        0,
        True,
    ),
}


def program_of(kind, ending):
    indent = 4 if kind == "program" else 8
    ending = textwrap.indent("parent = os.getpid()\n" + textwrap.dedent(ending), " " * indent)
    return (PROGRAM if kind == "program" else HEAP).format(ending=ending)


def run_recorded(kind, name, source, **options):
    """Runs it as a program that is recorded, or one that records a heap, to the file `name`."""
    Path("program.py").write_text(source)
    if kind == "program":
        command = ["-m", "rheap", "record", "-o", name, "program.py"]
    else:
        command = ["program.py", name]
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=120, **options
    )


def replays(name):
    return main(["replay", name, "--repeat", "1"]) == 0


def wait_for(path):
    end = time.monotonic() + 60
    while not os.path.exists(path):
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["program", "heap"])
@pytest.mark.parametrize(("ending", "status", "ended"), ENDINGS.values(), ids=ENDINGS)
def test_the_trace_holds_all_that_happened(
    tmp_path, monkeypatch, capsys, kind, name, ending, status, ended
):
    monkeypatch.chdir(tmp_path)
    done = run_recorded(kind, name, program_of(kind, ending))
    assert done.returncode == status, done.stderr
    if "daemon" in ending:
        wait_for("daemon")
    assert is_gzip(name) == (ended and name.endswith(".gz"))
    trace = read_trace(name, broken_off=not ended)
    assert trace.lives(LAST) in (["a"], ["af"])
    assert len(trace.of_bytes(1000)) >= 10_000  # Python itself may ask for some
    assert all(os.path.getsize(path) == 0 for path in Path().glob("file*"))
    assert replays(name)
    assert ("breaks off" in capsys.readouterr().err) == (not ended)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["program", "heap"])
def test_a_program_may_close_files_that_are_not_its_own(tmp_path, monkeypatch, kind, name):
    monkeypatch.chdir(tmp_path)
    ending = """
        os.closerange(3, 100)
        files = [open(f"file{n}", "w") for n in range(20)]
        more = [take() for _ in range(50_000)]
    """
    done = run_recorded(kind, name, program_of(kind, ending).replace("64 MiB", "4 GiB"))
    assert "Bad file descriptor" in done.stderr
    assert all(os.path.getsize(f"file{n}") == 0 for n in range(20))
    assert len(read_trace(name, broken_off=True).of_bytes(LAST)) > 1
    assert replays(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["program", "heap"])
@pytest.mark.parametrize("ended", [False, True])
def test_a_limit_leaves_whole_lines_and_a_true_count(tmp_path, monkeypatch, kind, name, ended):
    monkeypatch.chdir(tmp_path)
    limit = 30_001  # bytes, in the middle of a line
    ending = "pass" if ended else "os.abort()"
    done = run_recorded(
        kind,
        name,
        program_of(kind, ending),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert limit - 20_000 < os.path.getsize(name) <= limit
    trace = read_trace(name)  # it was ended at the limit
    assert replays(name)
    if kind == "heap" and ended:
        assert done.returncode == 1 and "File too large" in done.stderr
    elif kind == "program" and ended:
        assert done.returncode == 0
        words = f"{name} ends after {len(trace.operations):,} operations: File too large"
        assert words in done.stderr


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 32 KiB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["program", "heap"])
def test_a_full_disk_leaves_whole_lines_and_a_true_count(small_disk, monkeypatch, kind, name):
    monkeypatch.chdir(small_disk)
    done = run_recorded(kind, name, program_of(kind, "pass"))
    trace = read_trace(name)
    assert trace.operations
    assert "No space left on device" in done.stderr
    if kind == "program":
        assert f"{name} ends after {len(trace.operations):,} operations" in done.stderr
    assert replays(name)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("program.py").write_text("print(flush=True)\nwhile True: bytes(1000)")
    for pause in range(10):
        told = ["--sites", "--times"] if pause % 2 else []
        command = [sys.executable, "-m", "rheap", "record", *told, "-o", "t.trace", "program.py"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
            assert program.stdout.readline()
            time.sleep(pause / 1000)
            program.kill()
        assert replays("t.trace")
