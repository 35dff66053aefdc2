"""The interpreter ends in silence, whatever of a heap is still alive, in whatever order it goes."""

import subprocess
import sys
from itertools import permutations

import pytest
from support import plain_build_only

MAKE = """
import atexit, gc, sys, threading, types
import numpy as np
import rheap
heap = rheap.Heap("1 MiB")
block = heap.alloc(64)
view = heap.alloc(64).view()
array = heap.array(8, zero=True)
exposed = np.ndarray(8, "u1", buffer=heap.alloc(8))
with heap.alloc(64) as closed:
    lingering = closed.view()
"""
THINGS = "heap, block, view, array, exposed, lingering"

ENDINGS = {
    "module globals": "",
    "a cycle": f"cycle = [{THINGS}]; cycle.append(cycle); del {THINGS}",
    "a cycle uncollected": f"gc.disable(); c = [{THINGS}]; c.append(c); del {THINGS}, c",
    "a thread local": f"local = threading.local(); local.things = [{THINGS}]; del {THINGS}",
    "a thread local of a living thread": f"""
local = threading.local()
ready = threading.Event()
def hold(things):
    local.things = things
    ready.set()
    threading.Event().wait()
threading.Thread(target=hold, args=([{THINGS}],), daemon=True).start()
ready.wait()
del {THINGS}
""",
    "another module": f"""
other = types.ModuleType("other")
other.things = [{THINGS}]
sys.modules["other"] = other
del other, {THINGS}
""",
    "a builtin module": f"import builtins; builtins.things = [{THINGS}]; del {THINGS}",
    "atexit": f"atexit.register(lambda *things: None, {THINGS}); del {THINGS}",
    "atexit, used": "atexit.register(lambda: (block[:], heap.alloc(8), heap.check()))",
    "atexit, closed": "atexit.register(heap.close)",
    "closed before": "heap.close()",
    "an object with a finalizer": f"""
class Last:
    def __init__(self, *things):
        self.things = things
    def __del__(self):
        heap, block, view, *_ = self.things
        view[:1] = block[:1] = b"x"
        heap.alloc(8).free()
        heap.close()
last = Last({THINGS})
last.itself = last
del {THINGS}, last
""",
    "the default heap": "rheap.init_heap('1 MiB'); kept = rheap.r_alloc(8)",
    "an exception": f"""
def fail({THINGS}):
    raise LookupError
try:
    fail({THINGS})
except LookupError as error:
    kept = error
""",
    "a suspended generator": """
def suspended():
    with heap.alloc(8) as block:
        yield np.ndarray(8, "u1", buffer=block)
generator = suspended()
kept = next(generator)
""",
    "a weak reference with a callback": """
import weakref
references = [weakref.ref(thing, lambda _: None) for thing in (heap, block, view, array)]
""",
}


def run(source):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_silent(source):
    done = run(source)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_the_end_is_silent(ending):
    assert_silent(MAKE + ending)


def test_the_end_is_silent_on_a_debug_heap():
    source = MAKE.replace('"1 MiB"', '"1 MiB", debug=True')
    source = "import warnings\nwarnings.simplefilter('ignore')\n" + source
    assert_silent(source)


NAMES = {
    "heap": "a_heap",
    "block": "a_heap.alloc(64)",
    "view": "a_heap.alloc(64).view()",
    "array": "np.ndarray(64, 'u1', buffer=a_heap.alloc(64))",
}


@pytest.mark.parametrize("first", NAMES)
def test_the_end_is_silent_in_every_order(first):
    # At the end a module's names go one by one, in the order in which they were made.
    source = "import numpy as np, rheap\n"
    orders = [order for order in permutations(NAMES) if order[0] == first]
    for number, order in enumerate(orders):
        targets = ", ".join(f"{name}_{number}" for name in order)
        source += "def make():\n    a_heap = rheap.Heap('1 MiB')\n"
        source += f"    return {', '.join(NAMES[name] for name in order)}\n{targets} = make()\n"
    assert_silent(source)


def test_these_tests_see_what_goes_wrong_at_the_end():
    damage = "import ctypes; ctypes.memset(block.address - 8, 0x55, 8)"
    done = run(MAKE + damage)
    assert "HeapCorruption" in done.stderr


@plain_build_only  # AddressSanitizer stumbles over threads that Python unwinds
@pytest.mark.parametrize(
    "use",
    [
        "heap.alloc(8 << 20, zero=True)",
        "heap.alloc('8 B')",
        "heap.check()",
        "refused()",
    ],
)
def test_a_daemon_thread_that_is_still_at_work_ends_with_the_interpreter(use):
    source = f"""
import contextlib, threading, time, rheap
heap = rheap.Heap("64 MiB")
blocks = [heap.alloc(8) for _ in range(2000)]
gone = heap.alloc(8)
gone.free()
def refused():
    with contextlib.suppress(rheap.BlockFreed):
        gone[0]
def work():
    while True:
        {use}
threading.Thread(target=work, daemon=True).start()
time.sleep(0.05)
"""
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
