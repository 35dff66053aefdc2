"""How fast it is here, and in how much memory: rheap beside what people would use instead.

Each section stands in a module of its own: `measure` gives its figures, a dataclass that can show
itself. candidates.py lists what is compared, measuring.py says how.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Protocol

from ...console.progress import Progress
from ...console.terminal import Terminal
from . import churn, fragmentation, live, sharing, speed, threads
from .machine import Machine
from .measuring import SPREAD, Advance, Effort, Headline

_KIB, _MIB = 1 << 10, 1 << 20
FULL = Effort(
    churns=5,
    frames=4800,
    rounds=25,
    turn=0.005,
    sizes=(16, 64, 256, _KIB, 4 * _KIB, 64 * _KIB, _MIB, 16 * _MIB, 64 * _MIB),
    live=(10**3, 10**4, 10**5, 10**6, 10**7),
    part=1,
)
QUICK = Effort(
    churns=2,
    frames=1200,
    rounds=7,
    turn=0.003,
    sizes=(64, 4 * _KIB, _MIB, 64 * _MIB),
    live=(10**3, 10**4, 10**5, 10**6),
    part=1 / 20,
)


class Section(Protocol):
    """What `measure` of a section's module gives: a dataclass for --json, and these."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def show(self, terminal: Terminal) -> None:
        """Prints it."""

    def headlines(self) -> list[Headline]:
        """The figures in it that decide."""


SECTIONS: dict[str, tuple[str, Callable[[Effort, Advance], Section]]] = {
    "churn": (churn.TITLE, churn.measure),
    "speed": (speed.TITLE, speed.measure),
    "live": (live.TITLE, live.measure),
    "threads": (threads.TITLE, threads.measure),
    "sharing": (sharing.TITLE, sharing.measure),
    "fragmentation": (fragmentation.TITLE, fragmentation.measure),
}
ONLY_WHEN_NAMED = ("fragmentation",)  # it takes minutes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sections, and its two options."""
    parser.add_argument(
        "sections",
        nargs="*",
        type=_section,  # argparse would look for an empty list among choices
        metavar="SECTION",
        help=f"{', '.join(SECTIONS)}; all but {', '.join(ONLY_WHEN_NAMED)} if none is named",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds and sizes: ~20 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Measures and prints section by section; returns the exit status."""
    effort = QUICK if options.quick else FULL
    machine = Machine()
    terminal = None if options.json else Terminal()
    if terminal is not None:
        terminal.say(f"{machine} Times are of the processor, unless it is said otherwise.")
    found: dict[str, Section] = {}
    for number, name in enumerate(_chosen(options.sections), 1):
        title, measure = SECTIONS[name]
        with Progress(title, 0) as progress:
            found[name] = measure(effort, partial(_tell, progress, title))
        if terminal is not None:
            terminal.heading(f"{number}  {title}")
            found[name].show(terminal)
    if terminal is not None:
        _sum_up(terminal, [line for section in found.values() for line in section.headlines()])
    else:
        figures = {name: dataclasses.asdict(section) for name, section in found.items()}
        about = {"machine": dataclasses.asdict(machine), "effort": dataclasses.asdict(effort)}
        print(json.dumps({**about, "spread": SPREAD, **figures}))
    return 0


def _section(name: str) -> str:
    if name not in SECTIONS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SECTIONS)}")
    return name


def _chosen(named: Sequence[str]) -> list[str]:
    """The sections to measure, in their own order."""
    return [name for name in SECTIONS if name in (named or SECTIONS.keys() - ONLY_WHEN_NAMED)]


def _tell(progress: Progress, title: str, what: str) -> None:
    progress.advance(0, f"{title}: {what} ...")


def _sum_up(terminal: Terminal, lines: list[Headline]) -> None:
    if not lines:
        return
    terminal.heading("In short")
    terminal.say(f"Medians, with their spread ({SPREAD}):")
    terminal.output("\n".join(f"{line.what}: {line.words}" for line in lines))
