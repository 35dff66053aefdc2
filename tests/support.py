"""What several test files share."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parent
TOP = TESTS.parent
TRACES = TESTS / "traces"
GOLDEN = TESTS / "golden"
SANITIZED = os.environ.get("RHEAP_SANITIZED") == "1"  # a build with AddressSanitizer

plain_build_only = pytest.mark.skipif(
    SANITIZED, reason="AddressSanitizer needs address space and memory of its own"
)

needs_compiler = pytest.mark.skipif(
    shutil.which("c++") is None, reason="no C++ compiler (c++) on the path"
)

SIZE = 64
PATTERN = bytes(range(SIZE))
BYTES = bytes(range(10, 26))  # of the fixture `block`
MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")


FEWER = os.environ.get("RHEAP_FEWER_ROUNDS") == "1"  # where another Python does all of them


def rounds(number):
    """How often to repeat something, of which a sanitizer makes each one slow."""
    if SANITIZED:
        return max(number // 10, 2)
    return max(number // 3, 2) if FEWER else number


def run_python(code, *arguments, seconds=60):
    """The output of a Python of its own, which must end well and in time."""
    # A fork beside threads is what some of these programs try, and Python warns of that.
    command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    command += ["-X", "faulthandler"]
    done = subprocess.run(
        [*command, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds * (10 if SANITIZED else 1),
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr
    return done.stdout


def in_child(work):
    """Runs `work` in a forked child; fails with the child's words when it did not end well."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read_end)
            signal.alarm(300 if SANITIZED else 60)  # a child that hangs is ended by the system
            work()
            code = 0
        except BaseException:
            os.write(write_end, traceback.format_exc().encode()[-60_000:])
        finally:
            os._exit(code)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        words = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code == 0, f"child ended with {code} (-14: it hung): {words}"


class Indexed:
    """An int to whoever asks for one; `before` runs when that happens."""

    def __init__(self, value, before=lambda: None):
        self.value = value
        self.before = before

    def __index__(self):
        self.before()
        return self.value


def expose(block):
    """A plain request that keeps nothing."""
    b"".join([block])


def array_of(block):
    """An array that keeps the address and nothing but a reference to the Block."""
    array = np.ndarray(SIZE, "u1", buffer=block)
    array[:] = range(SIZE)
    return array


def live(heap):
    """How many blocks are live, and how many of those linger."""
    stats = heap.stats()
    return stats.live_blocks, stats.lingering_blocks


def states(heap):
    """The state of each block, in address order."""
    return [str(info.state) for info in heap.blocks()]


def process_resident():
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


def library(name):
    """An optional library; what it warns of while it is imported is its own business."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    known = name in sys.modules
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip(name, exc_type=ImportError)
    if not known:
        gc.freeze()  # or each later collection would walk the whole library
    return module
