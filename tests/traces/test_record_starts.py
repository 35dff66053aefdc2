"""Whatever `python X` runs `rheap record X` records, and the program finds what it would alone."""

import os
import shutil
import subprocess
import sys
import textwrap
import zipapp
from pathlib import Path

import pytest
from support import SANITIZED
from trace_reader import read_trace

from rheap.commands.record import _interpreter_options

SECONDS = 600 if SANITIZED else 60
PROBE = """
import sys
modules = sorted(name for name in sys.modules if name != "rheap._core")
print(modules, sys.argv, sys.orig_argv[1:], sys.path, sys.flags, sys.warnoptions, sys._xoptions)
import re
print({name: re.sub("0x[0-9a-f]+", "", repr(value)) for name, value in globals().items()})
print(sys.modules["__main__"].__dict__ is globals(), sys.excepthook is sys.__excepthook__)
import gc, os, signal, threading, warnings
print(warnings.filters, [signal.getsignal(number) for number in signal.valid_signals()])
print(threading.active_count(), threading.current_thread().name, gc.get_threshold())
print(os.getcwd(), sorted(os.environ), sys.stdin.read())
print([number for number in range(3, 100) if os.path.exists(f"/proc/self/fd/{number}")
       and os.get_inheritable(number)])
"""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("probe.py").write_text(PROBE)
    Path("package").mkdir()
    Path("package/__init__.py").write_text("import json")
    Path("package/__main__.py").write_text(PROBE)
    shutil.copytree("package", "folder")
    zipapp.create_archive("folder", "program.pyz")
    subprocess.run([sys.executable, "-m", "compileall", "-b", "-q", "probe.py"], check=True)
    shutil.copy("probe.pyc", "renamed")


def run(*command, **options):
    options = {"capture_output": True, "text": True, "timeout": SECONDS, "input": "in"} | options
    return subprocess.run(command, check=False, **options)


def record(*arguments, before=(), **options):
    command = [sys.executable, *before, "-m", "rheap", "record", "-o", "t.trace", *arguments]
    done = run(*command, **options)
    lines = done.stderr.splitlines(keepends=True)
    done.summary = "".join(line for line in lines if line.startswith("rheap record: "))
    done.stderr = "".join(line for line in lines if not line.startswith("rheap record: "))
    return done


def assert_the_same(*arguments, before=(), **options):
    alone = run(sys.executable, *before, *arguments, **options)
    recorded = record(*arguments, before=before, **options)
    assert recorded.stdout == alone.stdout
    assert recorded.stderr == alone.stderr
    assert recorded.returncode == alone.returncode
    assert len(read_trace("t.trace").operations) > 1000
    return alone


WAYS = {
    "a script": ["probe.py", "a", "-m", "--", ""],
    "a script elsewhere": ["./folder/../probe.py"],
    "a module": ["-m", "probe", "-x"],
    "a package": ["-m", "package", "x"],
    "bytecode": ["probe.pyc", "x"],
    "bytecode of another name": ["renamed", "x"],
    "a folder": ["folder", "x"],
    "a zip archive": ["program.pyz", "x"],
    "code": ["-c", PROBE, "x", "-y"],
    "a frozen module": ["-m", "site"],
    "a module of the library": ["-m", "this"],
}


@pytest.mark.parametrize("arguments", WAYS.values(), ids=WAYS)
def test_every_way_to_start(arguments):
    alone = assert_the_same(*arguments)
    assert alone.returncode == 0, alone.stderr


def test_standard_input():
    assert_the_same("-", "x", input=PROBE.replace("sys.stdin.read()", "0"))


def test_a_terminal_is_no_program(tmp_path):
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "rheap", "record", "-"]
    done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=SECONDS)
    os.close(ours), os.close(theirs)
    assert done.returncode == 2
    assert "standard input, which is a terminal here" in done.stderr
    assert not (tmp_path / "stdin.trace.gz").exists()


ENDINGS = {
    "an exception": "def f():\n    raise LookupError('oops')\nf()",
    "an interrupt": "raise KeyboardInterrupt",
    "a syntax error": "def f(:",
    "a status": "import sys; sys.exit(3)",
    "words": "import sys; sys.exit('no more')",
}


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_every_way_to_end(ending):
    Path("folder/__main__.py").write_text(ending)
    Path("ending.py").write_text(ending)
    zipapp.create_archive("folder", "program.pyz")
    for arguments in (["ending.py"], ["-m", "ending"], ["-c", ending], ["folder"], ["program.pyz"]):
        alone = run(sys.executable, *arguments)
        recorded = record(*arguments)
        assert (recorded.stdout, recorded.stderr) == (alone.stdout, alone.stderr), arguments
        assert recorded.returncode == alone.returncode, arguments


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["-X", "dev"],
        ["-Xutf8", "-O"],
        ["-W", "error", "-Wignore::UserWarning"],
        ["-I"],
        ["-P"],
        ["-B", "-OO", "-s", "-E"],
        ["-bb"],
        ["--check-hash-based-pycs", "always"],
    ],
    ids=" ".join,
)
def test_the_options_of_python_stay(options):
    python = shutil.which("python3") or sys.executable
    if not os.path.samefile(python, sys.executable) and options[0] in ("-I", "-E", "-s"):
        pytest.skip("which rheap that finds is not known")
    for arguments in (["probe.py", "x"], ["-c", PROBE]):
        assert_the_same(*arguments, before=options)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["python", "/bin/rheap", "record", "-c", "x"], []),
        (["python", "-m", "rheap", "record"], []),
        (["python", "-Im", "rheap"], ["-I"]),
        (
            ["python", "-Xdev", "-X", "utf8", "-WW", "-W", "m", "-m", "rheap"],
            "-Xdev -X utf8 -WW -W m",
        ),
        (["python", "-Bsc", "import rheap"], ["-Bs"]),
        (["python", "--check-hash-based-pycs", "x", "-m", "y"], "--check-hash-based-pycs x"),
    ],
)
def test_which_options_python_was_given(monkeypatch, words, options):
    monkeypatch.setattr(sys, "orig_argv", words)
    assert _interpreter_options() == (options.split() if isinstance(options, str) else options)


def test_a_bytecode_file_of_another_python():
    Path("old.pyc").write_bytes(b"old\r\n" + bytes(20))
    done = record("old.pyc")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "RuntimeError: Bad magic number in .pyc file"


@pytest.mark.parametrize("way", ["spawn", "forkserver", "fork"])
def test_a_pool_returns_instances_of_the_programs_own_classes(way):
    Path("pool.py").write_text(
        textwrap.dedent(
            f"""
            import multiprocessing
            class Point:
                def __init__(self, x):
                    self.x = x
            if __name__ == "__main__":
                with multiprocessing.get_context({way!r}).Pool(2) as pool:
                    print([point.x for point in pool.map(Point, range(4))])
            """
        )
    )
    for arguments in (["pool.py"], ["-m", "pool"]):
        done = record(*arguments)
        assert done.stdout == "[0, 1, 2, 3]\n", done.stderr
        assert done.returncode == 0


def test_a_program_may_import_rheap_and_be_recorded():
    done = record(
        "-c",
        "import rheap\nfrom rheap import _core\nheap = rheap.Heap('1 MiB')\n"
        "print(heap.alloc(5).size, isinstance(heap, _core.Heap), rheap.__version__)",
    )
    assert done.stdout.startswith("5 True "), done.stderr


SIZE = 12345  # of a bytes object; nobody else asks for as many
TRACED = f"""
import sys, tracemalloc
before = bytes({SIZE} - 33)
{{call}}
after = bytes({SIZE} - 33)
"""


@pytest.mark.parametrize("started", ["-X", "the environment", "the program"])
@pytest.mark.parametrize(
    "call", ["pass", "tracemalloc.stop()", "tracemalloc.start(); tracemalloc.stop()"]
)
def test_tracemalloc_may_come_and_go(started, call):
    if started == "the program":
        call = f"tracemalloc.start()\n{call}"
    before = ["-X", "tracemalloc=3"] if started == "-X" else []
    environment = {"PYTHONTRACEMALLOC": "3"} if started == "the environment" else {}
    done = record(
        "-c",
        TRACED.format(
            call=f"assert tracemalloc.is_tracing() or {not (before or environment)}\n{call}"
        ),
        before=before,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    assert len(read_trace("t.trace").of_bytes(SIZE)) == 2
    assert "nothing was seen" not in done.summary


def test_allocators_that_are_put_in_the_place_of_ours_are_told():
    source = """
import ctypes
before = ctypes.create_string_buffer(100)
try:
    ctypes.pythonapi._PyMem_SetDefaultAllocator(0, before)  # of raw memory
except AttributeError:
    print("there is no such function")
"""
    done = record("-c", source)
    if done.stdout:
        pytest.skip(done.stdout)
    operations = len(read_trace("t.trace").operations)
    assert f"after operation {operations:,} nothing more was seen" in done.summary, done.summary
