"""`rheap record`: the program notices nothing, and the trace says what it did."""

import gzip
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support import SANITIZED
from trace_reader import read_trace

from rheap.commands.main import main

RHEAP = [sys.executable, "-m", "rheap", "record"]
SIZE = 12345  # of a bytes object and its terminating zero; nobody else asks for as many
HEADER = sys.getsizeof(b"")
ITEMS = 1543  # of a list; as many bytes as eight times that nobody else asks for


@pytest.fixture
def write(tmp_path, monkeypatch):
    """`write(source)` makes it the program of the test, in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(source, name="program.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return name

    return write


def run(*command, **options):
    options = {"capture_output": True, "text": True, "timeout": 600 if SANITIZED else 60} | options
    return subprocess.run([str(part) for part in command], check=False, **options)


def record(*arguments, **options):
    """Runs it; what it says besides the program's own words is left out of stderr."""
    done = run(*RHEAP, *arguments, **options)
    lines = done.stderr.splitlines(keepends=True)
    done.summary = "".join(line for line in lines if line.startswith("rheap record: "))
    done.stderr = "".join(line for line in lines if not line.startswith("rheap record: "))
    return done


PROBE = """
import os, sys
print(sys.argv, sys.path[0], __name__, __file__, __package__, __spec__ and __spec__.name)
print(sorted(globals()), sys.modules["__main__"].__dict__ is globals(), __builtins__)
print(sys.stdin.read(), os.getcwd())
print("to stderr", file=sys.stderr)
"""
ENDINGS = {
    "well": "",
    "with a status": "sys.exit(3)",
    "with words": "sys.exit('no more')",
    "with nothing": "sys.exit()",
    "with an exception": "def f():\n    raise LookupError('oops') from OSError(2)\nf()",
    "with a syntax error": "eval('1 +')",
    "with an interrupt": "raise KeyboardInterrupt",
    "with a closed stderr": "sys.stderr.close(); sys.stderr = None",
    "with a hook of its own": "sys.excepthook = lambda *args: print(args[:2]); 1 / 0",
    "at once": "sys.stdout.flush(); os._exit(7)",
    "by a signal": "sys.stdout.flush(); os.kill(os.getpid(), 9)",
    "in a thread": "import threading; threading.Thread(target=lambda: print(1 / 0)).start()",
    "in atexit": "import atexit; atexit.register(lambda: print(bytes(100)))",
}


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_the_program_is_as_it_would_be(write, ending):
    write(PROBE + ending)
    arguments = ["program.py", "-o", "--", "x y", "-m", ""]
    alone = run(sys.executable, *arguments, input="in")
    recorded = record(*arguments, input="in")
    assert recorded.stdout == alone.stdout
    assert recorded.stderr == alone.stderr
    assert recorded.returncode == alone.returncode


def test_a_module_is_as_it_would_be(write):
    write("print('package')", "package/__init__.py")
    write(PROBE + "sys.exit(5)", "package/__main__.py")
    write(PROBE, "package/module.py")
    for name in ("package", "package.module"):
        alone = run(sys.executable, "-m", name, "-x", "1", input="in")
        recorded = record("-m", name, "-x", "1", input="in")
        assert recorded.stdout == alone.stdout
        assert recorded.returncode == alone.returncode
        assert read_trace(f"{name}.trace.gz").operations


def test_a_program_that_does_not_compile(write):
    write("def f(:\n")
    alone, recorded = run(sys.executable, "program.py"), record("program.py")
    assert recorded.stderr == alone.stderr
    assert recorded.returncode == alone.returncode == 1


def test_what_it_allocated_is_there_with_its_end(write):
    write(f"""
        kept = bytes({SIZE - HEADER})
        gone = [None] * {ITEMS}
        gone.extend([None] * (2 * {ITEMS}))
        del gone
        big = bytes(10_000_000)
        del big
    """)
    done = record("program.py")
    assert done.returncode == 0
    trace = read_trace("program.trace.gz")
    assert trace.lives(SIZE) == ["a"]
    assert trace.lives(8 * ITEMS) == ["arf"]
    assert trace.lives(10_000_000 + HEADER) == ["af"]  # not once more as raw memory
    assert trace.threads == {0}
    assert f"{len(trace.operations):,} operations, 1 thread, at most" in done.summary
    assert trace.comments[-2] == (
        f"# operations: {len(trace.operations)}, threads: 1, most bytes live: {trace.peak}"
    )
    assert trace.peak > 10_000_000


def test_every_domain_and_every_call(write):
    write("""
        import ctypes
        api, size = ctypes.pythonapi, ctypes.c_size_t
        for number, domain in enumerate(("PyMem_Raw", "PyMem_", "PyObject_")):
            malloc, calloc, realloc, free = (
                getattr(api, domain + name) for name in ("Malloc", "Calloc", "Realloc", "Free")
            )
            for function in (malloc, calloc, realloc):
                function.restype = ctypes.c_void_p
            realloc.argtypes = ctypes.c_void_p, size
            free.argtypes = [ctypes.c_void_p]
            base = 11_000 * (number + 1)
            free(malloc(size(base)))
            free(calloc(size(11), size(base // 11 + 1)))
            block = realloc(None, base + 30)
            assert realloc(block, (1 << 62)) is None
            block = realloc(block, base + 40)
            free(realloc(block, 0))
            free(malloc(size(base + 50)))
            free(None)
            malloc(size(0))
    """)
    assert record("-o", "t.trace", "program.py").returncode == 0
    trace = read_trace("t.trace")
    for base in (11_000, 22_000, 33_000):
        assert trace.lives(base) == ["af"]
        assert trace.lives(base + 11) == ["af"]
        assert trace.lives(base + 30) == ["arrf"]
        assert trace.lives(base + 50) == ["af"]
    assert list(trace.live.values()).count(0) >= 3


def test_blocks_that_are_older_are_left_out(write):
    module = "rheap.commands.tour"
    write(f"import sys, os\nos.environ.clear(); sys.path.clear(); sys.modules[{module!r}] = None")
    done = record("-o", "t.trace", "program.py")
    trace = read_trace("t.trace")
    dropped = int(trace.comments[-1].split()[2])
    assert trace.comments[-1] == f"# dropped {dropped} frees of blocks born before"
    assert dropped > 0
    assert f"{dropped:,} frees of older blocks left out: t.trace" in done.summary


def test_threads(write):
    write(f"""
        import hashlib, threading, zlib
        def work(number):
            for _ in range(200):
                block = bytes({SIZE} + 100 * number)
                hashlib.sha256(block).digest()  # without the GIL
                zlib.compress(block)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """)
    done = record("program.py")
    assert done.returncode == 0, done.stderr
    trace = read_trace("program.trace.gz")
    assert trace.threads == set(range(9))
    for number in range(8):
        lives = trace.lives(SIZE + 100 * number + HEADER)
        assert lives == ["af"] * 200


def test_a_forked_child_is_not_recorded_and_does_not_hold_the_end_up(write):
    write(f"""
        import os, sys, time
        ready, go = os.pipe()
        pid = os.fork()
        kept = bytes({SIZE} - {HEADER} + (100 if pid == 0 else 0))
        if pid == 0:
            more = [bytes(1000) for _ in range(10_000)]
            sys.stdout.close()
            os.write(go, b"!")
            os.close(1), os.close(2)
            time.sleep(60)
        os.read(ready, 1)
        with open("pid", "w") as file:
            file.write(str(pid))
    """)
    done = record("program.py")
    os.kill(int(Path("pid").read_text()), signal.SIGKILL)
    assert done.returncode == 0, done.stderr
    trace = read_trace("program.trace.gz")
    assert trace.lives(SIZE) == ["a"]
    assert not trace.of_bytes(SIZE + 100)


def test_a_child_may_go_its_own_way_to_the_end(write):
    write("""
        import multiprocessing, os, sys
        if __name__ == "__main__":
            if os.fork() == 0:
                sys.exit(0)  # with atexit and all
            print(os.waitstatus_to_exitcode(os.wait()[1]))
            try:
                os.wait()
            except ChildProcessError:
                print("no child is left")
            for method in ("fork", "spawn"):
                child = multiprocessing.get_context(method).Process(target=print, args=(method,))
                child.start()
                child.join()
    """)
    done = record("program.py")
    assert done.stdout == "0\nno child is left\nfork\nspawn\n"
    assert done.summary.count("\n") == 1
    assert read_trace("program.trace.gz").operations


def test_ctrl_c_reaches_the_program_alone(write):
    write("""
        import time
        blocks = [bytes(1000) for _ in range(5000)]
        try:
            print("ready", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            print("cleaned up", flush=True)
            raise
    """)
    # A process group of its own: Ctrl-C goes to all of the terminal's foreground group.
    program = subprocess.Popen(
        [*RHEAP, "program.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout.readline() == "ready\n"
    os.killpg(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=60)
    assert out == "cleaned up\n"
    assert "KeyboardInterrupt" in err and "rheap/" not in err
    assert len(read_trace("program.trace.gz").of_bytes(1000 + HEADER)) >= 5000


def test_the_end_of_the_disk_stops_the_recording_alone(write):
    write("blocks = [bytes(1000) for _ in range(5000)]\nprint(len(blocks))")
    os.symlink("/dev/full", "full.trace.gz")
    for path in ("/dev/full", "full.trace.gz"):
        done = record("-o", path, "program.py")
        assert (done.returncode, done.stdout, done.stderr) == (0, "5000\n", "")
        assert done.summary.count("\n") == 1
        assert f"{path} ends after 0 operations" in done.summary
        assert "No space left on device" in done.summary


def test_a_reader_that_goes_away_stops_the_recording_alone(write):
    write("""
        import os, signal
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        blocks = [bytes(1000) for _ in range(5000)]
        print(len(blocks))
    """)
    command = " ".join([*RHEAP, "-o", "/dev/fd/3", "program.py", "3>&1", ">out", "|", "true"])
    done = run("sh", "-c", command)
    assert Path("out").read_text() == "5000\n"
    assert "/dev/fd/3 ends after" in done.stderr and "Broken pipe" in done.stderr


def test_tracemalloc_may_come_and_go_in_between(write):
    write(f"""
        import tracemalloc
        one = bytes({SIZE - HEADER})
        tracemalloc.start()
        two = bytes({SIZE - HEADER})
        del one
        assert tracemalloc.get_traced_memory()[0] >= {SIZE}
        tracemalloc.stop()
        three = bytes({SIZE - HEADER})
        del two, three
        tracemalloc.start()
    """)
    done = record("program.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert read_trace("program.trace.gz").lives(SIZE) == ["af"] * 3


def test_with_the_interpreter_s_own_checks(write):
    write(f"blocks = [bytes(n) for n in range(3000)]\ndel blocks\nkept = bytes({SIZE - HEADER})")
    done = record("program.py", env=os.environ | {"PYTHONMALLOC": "debug", "PYTHONDEVMODE": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert read_trace("program.trace.gz").lives(SIZE) == ["a"]


def test_the_trace_goes_where_it_was_told(write):
    write("import os; os.chdir('/')")
    Path("kept.trace").write_text("old\n" * 100_000)
    assert record("-o", "kept.trace", "program.py").returncode == 0
    assert "old" not in Path("kept.trace").read_text()
    assert record("program.py").returncode == 0
    assert gzip.decompress(Path("program.trace.gz").read_bytes()).startswith(b"# rheap 2\na ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.py"],
        ["./missing/program.py"],
        ["program.py/"],
        ["-m", "missing"],
        ["-m", "missing.module"],
        ["-m", "package"],
        ["-m", "package.missing"],
        ["-m", "package.missing.module"],
        ["-m", ""],
    ],
    ids=" ".join,
)
def test_a_program_that_is_not_there_ends_as_with_python(write, arguments):
    write("print('ran')")
    write("", "package/__init__.py")
    alone, recorded = run(sys.executable, *arguments), record(*arguments)
    assert recorded.returncode == alone.returncode
    assert (recorded.stdout, recorded.stderr) == ("", alone.stderr)
    inside_package = arguments[-1].startswith("package") or not arguments[-1]
    assert bool(list(Path().glob("*.trace.gz"))) == inside_package  # it ran until then


def test_what_a_package_raises_while_its_module_is_looked_for(write):
    write("import missing", "package/__init__.py")
    write("print('ran')", "package/module.py")
    alone, recorded = run(sys.executable, "-m", "package.module"), record("-m", "package.module")
    assert recorded.returncode == alone.returncode == 1
    assert recorded.stderr == alone.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "which program?"),
        (["."], 1, "can't find '__main__' module"),
        (["-o", "missing/t.trace", "program.py"], 1, "missing/t.trace"),
        (["-o", ".", "program.py"], 1, "directory"),
    ],
)
def test_what_cannot_be_recorded_is_told(write, arguments, status, words):
    write("print('ran')")
    done = run(*RHEAP, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_one_recording_to_a_file_at_a_time(write):
    write("""
        import subprocess, sys
        blocks = [bytes(1000) for _ in range(5000)]
        if sys.argv[1:] != ["again"]:
            again = [sys.executable, "-m", "rheap", "record", "-o", "t.trace", __file__, "again"]
            subprocess.run(again)
        blocks = [bytes(1000) for _ in range(50_000)]
    """)
    done = record("-o", "t.trace", "program.py")
    assert done.returncode == 0
    assert "t.trace" in done.summary and "another recording writes to it" in done.summary
    assert len(read_trace("t.trace").of_bytes(1000 + HEADER)) >= 55_000


def test_odd_names_are_told_in_one_line(write, capsys):
    odd = "odd\n\x1b[31m"
    write("blocks = [bytes(n) for n in range(1000)]", f"{odd}.py")
    done = record(f"{odd}.py")
    told = done.stderr + done.summary
    assert main(["replay", f"{odd}.trace.gz", "--repeat", "1"]) == 0
    assert main(["view", f"{odd}.trace.gz", "--svg", f"{odd}.svg"]) == 0
    told += Path(f"{odd}.svg").read_text()
    write("def choose(size, holes): return None", f"{odd}-policy.py")
    for policy in (f"{odd}-policy.py:choose", f"{odd}-policy.py:{odd}"):
        main(["replay", "--ops", "+10", "--policy", policy])
    write("a 0 1\nf 7\n", "bad")
    for path in (f"{odd}.py", f"{odd}.missing"):
        assert main(["replay", path]) == 1
    told += "".join(capsys.readouterr())
    for arguments in (["-m", odd], [f"{odd}.missing"], ["-o", f"{odd}/t", f"{odd}.py"]):
        told += run(*RHEAP, *arguments).stderr
    assert "\x1b" not in told and "odd\n" not in told
    assert told.count("odd\\n\\x1b[31m") >= 8
