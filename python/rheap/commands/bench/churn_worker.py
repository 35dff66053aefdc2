"""Churns camera frames, in a process of its own that churn.py starts.

Four cameras, each a thread, make
frames of mixed sizes, and with each frame two small results. The main thread keeps few frames, in
the middle of the run more and more of them, as if somebody could not keep up, then few again; the
small results it keeps longer. The cameras take turns, so that the input is the same for all.
"""

from __future__ import annotations

import ctypes
import dataclasses
import importlib
import itertools
import json
import mmap
import random
import resource
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ...heap import Heap
from .measuring import clock

KIB = 1024
FRAMES = (  # bytes, from and to
    (100 * KIB, 400 * KIB),  # JPEG
    (640 * 480 * 3, 640 * 480 * 3),  # VGA, RGB
    (1280 * 720 * 3 // 2, 1280 * 720 * 3 // 2),  # 720p, YUV 4:2:0
    (1280 * 720 * 3, 1280 * 720 * 3),  # 720p, RGB
    (1920 * 1080 * 3 // 2, 1920 * 1080 * 3 // 2),  # 1080p, YUV 4:2:0
    (1920 * 1080 * 3, 1920 * 1080 * 3),  # 1080p, RGB
)
RESULTS = (600, 8 * KIB)  # bytes, from and to: more than Python's own small-object allocator takes
RESULTS_KEPT = 1000
CAMERAS = 4
FEW, MANY = 8, 64  # frames kept
LEAVING = 8  # so many of the oldest frames may be the next to go
CAPACITY = "4 GiB"  # of the heap
JEMALLOC_ALL_ARENAS = 4096  # MALLCTL_ARENAS_ALL of jemalloc.h


@dataclass(frozen=True, slots=True)
class Order:
    """What to do."""

    frames: int
    on_heap: bool  # else by malloc
    trim_every: int = 0  # frames between two `heap.trim()`; 0 for never


@dataclass(slots=True)
class Outcome:
    """The outcome; bytes of resident memory are those beyond the start."""

    seconds: float = 0.0  # for allocating, filling, dropping and trimming
    faults: int = 0  # minor page faults
    held: list[int] = field(default_factory=list)  # bytes that the program keeps, frame by frame
    resident: list[int] = field(default_factory=list)  # bytes, frame by frame
    dropped: int = 0  # bytes resident when all is dropped
    returned: int = 0  # and after the allocator was asked to give memory back


Maker = Callable[[int], Any]


def run(order: Order) -> Outcome:
    """Does what is ordered."""
    heap = Heap(CAPACITY) if order.on_heap else None
    make = maker(heap)
    picture = memoryview(random.Random(0).randbytes(max(most for _, most in FRAMES)))
    rng = random.Random(0)
    frames: deque[Any] = deque()
    results: deque[Any] = deque()
    outcome = Outcome()
    held = 0

    def capture(*sizes: int) -> tuple[list[Any], float]:
        start = clock()
        made = [make(size) for size in sizes]
        for buffer in made:
            memoryview(buffer)[:] = picture[: len(buffer)]
        return made, clock() - start

    start_faults, start = faults(), resident()
    cameras = [ThreadPoolExecutor(1) for _ in range(CAMERAS)]
    for number, camera in zip(range(order.frames), itertools.cycle(cameras)):
        sizes = [rng.randint(*rng.choice(FRAMES)), rng.randint(*RESULTS), rng.randint(*RESULTS)]
        (frame, *small), seconds = camera.submit(capture, *sizes).result()
        frames.append(frame)
        results.extend(small)
        held += sum(sizes)
        del frame, small
        outcome.seconds += seconds

        begin = clock()
        while len(frames) > kept(number / order.frames):
            frames.rotate(-rng.randrange(LEAVING))
            held -= len(frames.popleft())
        while len(results) > RESULTS_KEPT:
            held -= len(results.popleft())
        if heap is not None and order.trim_every and number % order.trim_every == 0:
            heap.trim()
        outcome.seconds += clock() - begin
        outcome.held.append(held)
        outcome.resident.append(resident() - start)

    outcome.faults = faults() - start_faults
    frames.clear()
    results.clear()
    outcome.dropped = resident() - start
    give_back(heap)
    outcome.returned = resident() - start
    return outcome


def kept(time: float) -> int:
    """How many frames are kept at a time from 0 to 1: the rush is from 1/3 to 1/2."""
    rising = (time - 1 / 3) * 6
    return int(FEW + (MANY - FEW) * rising) if 0 < rising < 1 else FEW


def maker(heap: Heap | None) -> Maker:
    """What a Python program would make a frame with: an array where NumPy is there."""
    try:
        numpy: Any = importlib.import_module("numpy")
    except ImportError:
        return bytearray if heap is None else heap.alloc
    if heap is None:
        return lambda size: numpy.empty(size, "u1")
    return lambda size: heap.array(size, "u1")


def give_back(heap: Heap | None) -> None:
    """Asks the allocator to give the system what it does not need."""
    if heap is not None:
        heap.trim()
        return
    process = ctypes.CDLL(None)
    if hasattr(process, "mallctl"):
        purge = f"arena.{JEMALLOC_ALL_ARENAS}.purge".encode()
        process.mallctl(purge, None, None, None, ctypes.c_size_t(0))
    elif hasattr(process, "malloc_trim"):
        process.malloc_trim(ctypes.c_size_t(0))


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE


def faults() -> int:
    """Minor page faults of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main() -> None:
    """Reads the order from the command line and prints the outcome, both as JSON."""
    try:
        print(json.dumps(dataclasses.asdict(run(Order(**json.loads(sys.argv[1]))))))
    except KeyboardInterrupt:
        sys.exit(130)
