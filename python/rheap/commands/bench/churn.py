"""Resident memory over time while frames of cameras come and go."""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...console.table import table
from ...console.terminal import Terminal
from ...replay.figure import Figure
from .churn_worker import CAMERAS, FEW, MANY, RESULTS_KEPT, Order, Outcome
from .machine import libc, plain_environment, version_of
from .measuring import SPREAD, Advance, Effort, Headline
from .words import amount, duration, fine, over_time, pace

TITLE = "Camera frames come and go: resident memory over time"
TRIM_EVERY = 200  # frames
JEMALLOC = "libjemalloc.so.2"
_RUSH_IS_OVER = 2 / 3  # of the time
_MIB = 1 << 20
_BARS = 64  # of a course, at most
_WORKER = "from rheap.commands.bench.churn_worker import main; main()"


@dataclass(frozen=True, slots=True)
class ChosenAllocator:
    """An allocator, and the environment that chooses it."""

    name: str
    on_heap: bool = False
    trim_every: int = 0
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Course:
    """How it went with one allocator: medians over its processes; bytes, of resident memory."""

    candidate: str
    resident: list[float]  # frame by frame
    peak: Figure
    after_rush: Figure
    dropped: Figure
    returned: Figure
    faults: Figure  # per frame
    seconds: Figure  # per frame
    peak_of_malloc: Figure
    after_rush_of_malloc: Figure
    seconds_of_malloc: Figure


@dataclass(frozen=True, slots=True)
class Churn:
    """How it went with all."""

    malloc: str  # the name of the system's own
    held: list[int]  # bytes that the program kept, frame by frame
    courses: list[Course]
    missing: list[str]

    def show(self, terminal: Terminal) -> None:
        """The courses as lines, then as figures."""
        made_by = "numpy.empty, heap.array" if version_of("numpy") else "bytearray, heap.alloc"
        terminal.say(
            f"{CAMERAS} cameras, each a thread, make {len(self.held)} frames of 100 KiB to 6 MiB "
            f"({made_by}), and with each two results of up to 8 KiB. {FEW} frames are kept, up to "
            f"{MANY} in a rush in the middle, and {RESULTS_KEPT} results. Each allocator is in a "
            "process of its own."
        )
        if self.missing:
            terminal.say(f"Not there, so not compared: {', '.join(self.missing)}.")
        top = max(course.peak.median for course in self.courses)
        terminal.output(self._picture(top, terminal.columns))
        terminal.say(f"In MiB (the highest bar is {top / _MIB:.0f}), then what a frame costs:")
        header = ["", "peak", "after", "dropped", "trimmed", "faults", "time", "times as fast"]
        rows = [_row(course) for course in self.courses]
        terminal.output(table(header, rows, terminal.columns))
        terminal.say(
            "After: after the rush. Dropped: when nothing is held. Trimmed: after heap.trim(), "
            "malloc_trim(0), jemalloc's purge. Time: to allocate, fill and drop a frame and its "
            f"results, and how many times as fast as with {self.malloc} that is ({SPREAD}). rheap "
            "keeps what it has touched until trim(): few page faults, more resident memory."
        )

    def _picture(self, top: float, width: int) -> str:
        lines: list[tuple[str, Sequence[float]]] = [("held by the program", self.held)]
        lines += [(course.candidate, course.resident) for course in self.courses]
        first = max(len(name) for name, _ in lines) + 2
        bars = min(width - first, _BARS)
        return "\n".join(name.ljust(first) + over_time(line, top, bars) for name, line in lines)

    def headlines(self) -> list[Headline]:
        """Memory and time of rheap as ratios to the system's malloc."""
        return [
            Headline(f"{what}, {course.candidate}", words(figure, self.malloc))
            for course in self.courses
            if course.candidate.startswith("rheap")
            for what, words, figure in (
                ("a frame", pace, course.seconds_of_malloc),
                ("peak resident memory", amount, course.peak_of_malloc),
                ("resident memory after the rush", amount, course.after_rush_of_malloc),
            )
        ]


def _row(course: Course) -> list[str]:
    sizes = (course.peak, course.after_rush, course.dropped, course.returned)
    return [
        course.candidate,
        *(str(round(size.median / _MIB)) for size in sizes),
        str(round(course.faults.median)),
        duration(course.seconds.median),
        fine(course.seconds_of_malloc.inverse),
    ]


def measure(effort: Effort, advance: Advance) -> Churn:
    """Runs each candidate in processes of its own, in turn."""
    malloc = libc()
    candidates, missing = entrants(malloc)
    outcomes: dict[str, list[Outcome]] = {one.name: [] for one in candidates}
    for _ in range(effort.churns):
        for one in candidates:
            advance(one.name)
            outcomes[one.name].append(process(one, effort.frames))
    courses = [_course(name, found, outcomes[malloc]) for name, found in outcomes.items()]
    return Churn(malloc, outcomes[malloc][0].held, courses, missing)


def entrants(malloc: str) -> tuple[list[ChosenAllocator], list[str]]:
    """The candidates that are there, and the names of those that are not."""
    found = [
        ChosenAllocator("rheap", on_heap=True),
        ChosenAllocator(f"rheap, trim() every {TRIM_EVERY}", on_heap=True, trim_every=TRIM_EVERY),
        ChosenAllocator(malloc),
    ]
    if malloc == "glibc":
        found.append(ChosenAllocator("glibc, ARENA_MAX=1", environment={"MALLOC_ARENA_MAX": "1"}))
    jemalloc = ChosenAllocator("jemalloc", environment={"LD_PRELOAD": JEMALLOC})
    loaded = python(jemalloc, "-c", "print(open('/proc/self/maps').read())")
    if loaded.returncode == 0 and "jemalloc" in loaded.stdout:
        return [*found, jemalloc], []
    return found, [f"jemalloc ({JEMALLOC})"]


def process(candidate: ChosenAllocator, frames: int) -> Outcome:
    """The outcome of a candidate's frames; `ChildProcessError` if its process failed."""
    order = Order(frames, candidate.on_heap, candidate.trim_every)
    done = python(candidate, "-c", _WORKER, json.dumps(dataclasses.asdict(order)))
    if done.returncode != 0:
        last = (done.stderr.splitlines() or ["no message"])[-1]
        raise ChildProcessError(f"{candidate.name} ended with status {done.returncode}: {last}")
    return Outcome(**json.loads(done.stdout))


def python(candidate: ChosenAllocator, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python with the candidate's allocator, whatever the caller's own environment chose."""
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        env={**plain_environment(), **candidate.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _course(name: str, outcomes: Sequence[Outcome], malloc: Sequence[Outcome]) -> Course:
    frames = len(outcomes[0].resident)
    return Course(
        name,
        [
            statistics.median(moment)
            for moment in zip(*(one.resident for one in outcomes), strict=True)
        ],
        Figure.of(_peaks(outcomes)),
        Figure.of(_after_rush(outcomes)),
        Figure.of([one.dropped for one in outcomes]),
        Figure.of([one.returned for one in outcomes]),
        Figure.of([one.faults / frames for one in outcomes]),
        Figure.of([one.seconds / frames for one in outcomes]),
        Figure.of_ratios(_peaks(outcomes), _peaks(malloc)),
        Figure.of_ratios(_after_rush(outcomes), _after_rush(malloc)),
        Figure.of_ratios([one.seconds for one in outcomes], [one.seconds for one in malloc]),
    )


def _peaks(outcomes: Sequence[Outcome]) -> list[float]:
    return [max(one.resident) for one in outcomes]


def _after_rush(outcomes: Sequence[Outcome]) -> list[float]:
    return [
        statistics.median(one.resident[int(len(one.resident) * _RUSH_IS_OVER) :])
        for one in outcomes
    ]
