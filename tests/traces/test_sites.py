"""`rheap record --sites` and `--times`: who asked for the memory, and when."""

import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from support import SANITIZED
from trace_reader import read_trace

SIZE = 12345  # of a bytes object and its terminating zero; nobody else asks for as many
HEADER = sys.getsizeof(b"")
TAKE = f"bytes({SIZE - HEADER})"


@pytest.fixture
def record(tmp_path, monkeypatch):
    """`record(source, *options)` returns the trace of a program, `program.py` in this folder."""
    monkeypatch.chdir(tmp_path)

    def record(source, *options):
        Path("program.py").write_text(textwrap.dedent(source))
        command = [sys.executable, "-m", "rheap", "record", *options, "-o", "t.trace", "program.py"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=600 if SANITIZED else 60
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("\n") == 1
        return read_trace("t.trace")

    return record


def sites_of(trace, bytes_=SIZE):
    """Of the allocations of so many bytes in order: "12 function", or the whole where it is not the
    program's."""
    own = os.path.abspath("program.py") + ":"
    return [op.site.removeprefix(own) for op in trace.of_bytes(bytes_)]


def test_the_line_and_the_function(record):
    trace = record(
        f"""\
        take = lambda: {TAKE}
        kept = [{TAKE},
                take()]
        class Thing:
            def make(self):
                return (
                    {TAKE}
                )
        kept.append(Thing().make())
        grown = bytearray(10)
        grown.extend(
            bytes({SIZE}))
        """,
        "--sites",
    )
    assert sites_of(trace) == ["2 <module>", "1 <lambda>", "7 Thing.make"]
    (resized,) = [op for op in trace.operations if op.kind == "r" and op.bytes and op.bytes > SIZE]
    assert resized.site.endswith("program.py:11 <module>")
    assert not any(op.site for op in trace.operations if op.kind == "f")


def test_every_kind_of_frame(record):
    trace = record(
        f"""\
        import asyncio, threading, contextlib
        def numbers():
            yield {TAKE}
            yield {TAKE}
        one, two = numbers()
        class Made:
            def __init__(self):
                self.block = {TAKE}
            def __del__(self):
                self.block = {TAKE}
        Made()
        async def coroutine():
            await asyncio.sleep(0)
            return {TAKE}
        asyncio.run(coroutine())
        def fails():
            try:
                raise LookupError({TAKE})
            except LookupError:
                return {TAKE}
        fails()
        thread = threading.Thread(target=lambda: {TAKE})
        thread.start(); thread.join()
        kept = [*map(lambda n: bytes(n), [{SIZE - HEADER}])]
        exec("def f():\\n  return {TAKE}\\nf()")
        def closes_over(name):
            def inner():
                return name, {TAKE}
            return inner
        closes_over(1)()
        with contextlib.suppress(RecursionError):
            def deep(n):
                return deep(n - 1) if n else {TAKE}
            deep(100), deep(100_000)
        """,
        "--sites",
    )
    assert sites_of(trace) == [
        *("3 numbers", "4 numbers", "8 Made.__init__", "10 Made.__del__", "14 coroutine"),
        *("18 fails", "20 fails", "22 <lambda>", "24 <lambda>", "<string>:2 f"),
        *("28 closes_over.<locals>.inner", "33 deep"),
    ]


def test_what_is_not_asked_for_by_a_line_has_no_site(record):
    trace = record(
        f"""\
        import ctypes
        malloc = ctypes.CDLL(None).PyMem_RawMalloc  # releases the GIL
        malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        malloc({SIZE})
        malloc = ctypes.PyDLL(None).PyMem_RawMalloc  # keeps it
        malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        malloc({SIZE})
        """,
        "--sites",
    )
    assert sites_of(trace) == ["", "7 <module>"]


def test_code_that_comes_and_goes_is_told_apart(record):
    trace = record(
        f"""\
        for number in range(420):
            source = "\\n" * (number % 7) + "def f%d(): {TAKE}\\nf%d()" % (number % 3, number % 3)
            exec(compile(source, "file%d" % (number % 5), "exec"))
        """,
        "--sites",
    )
    assert sites_of(trace) == [f"file{n % 5}:{n % 7 + 1} f{n % 3}" for n in range(420)]


def test_names_that_are_no_names(record):
    trace = record(
        f"""\
        odd = "x\\n\\\\y\\r \\N{{SNOWMAN}}\\N{{GRINNING FACE}}\\xe9\\udc80.py"
        for name in odd, "long" * 9999, "\\N{{SNOWMAN}}" * 999, "":
            exec(compile("def f(): {TAKE}\\nf()", name, "exec"))
        class Name(str):
            def __hash__(self): 1 / 0
            def __eq__(self, other): 1 / 0
        def f(): return {TAKE}
        f.__code__ = f.__code__.replace(co_filename=Name("name"), co_qualname=Name("of.f"))
        f()
        exec({{}}.get("", "{TAKE}"), {{"__package__": 7}})
        """,
        "--sites",
    )
    odd, long, snow, empty, name, exec_ = sites_of(trace)
    assert odd == r"x\n\\y\r " + "\N{SNOWMAN}\N{GRINNING FACE}\xe9" + r"\\udc80.py:1 f"
    assert long == "long" * 512
    assert set(snow) == {"\N{SNOWMAN}"} and 680 < len(snow) <= 683
    assert empty == ":1 f"
    assert name == "name:7 of.f"
    assert exec_ == "<string>:1 <module>"


def test_frames_of_the_package_are_left_out(record):
    trace = record(
        """\
        import rheap
        heap = rheap.Heap("1 MiB")
        def look():
            return [heap.blocks() for _ in range(100)]
        kept = look()
        """,
        "--sites",
    )
    sites = Counter(op.site.rpartition("/")[2] for op in trace.operations)
    assert sum(count for site, count in sites.items() if site.startswith("program.py:4 ")) >= 100
    assert not any(site.startswith("heap.py") for site in sites)


def test_threads_forks_and_finalizers_under_load(record):
    trace = record(
        f"""\
        import gc, json, os, sys, threading, warnings
        warnings.simplefilter("ignore")  # to fork while threads run
        sys.setswitchinterval(1e-5)
        gc.set_threshold(5)
        class Cycle:
            def __init__(self): self.me = self
            def __del__(self): json.dumps([{TAKE}.hex()[:9]])
        def work(number):
            for n in range(100):
                Cycle()
                try:
                    exec("def g(): yield {TAKE}; raise LookupError\\nlist(g())")
                except LookupError:
                    pass
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads: thread.start()
        for _ in range(5):
            if os.fork() == 0:
                [work, Cycle()]
                os._exit(0)
            os.wait()
        for thread in threads: thread.join()
        gc.collect()
        """,
        "--sites",
    )
    counts = Counter(sites_of(trace))
    assert counts == {"<string>:1 g": 400, "7 Cycle.__del__": 400}
    assert len(trace.threads) == 5


def test_times_are_told_when_they_are_wanted(record):
    source = f"import time\none = {TAKE}\ntime.sleep(0.05)\ntwo = {TAKE}"
    one, two = record(source, "--times").of_bytes(SIZE)
    assert two.time - one.time >= 50_000
    assert {op.time for op in record(source).operations} == {0}
    both = record(source, "--times", "--sites")
    assert sites_of(both) == ["2 <module>", "4 <module>"]
    assert both.of_bytes(SIZE)[0].time > 0
