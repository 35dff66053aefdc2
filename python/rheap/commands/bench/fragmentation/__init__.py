"""Fragmentation, and what compaction makes of it, with workloads that others made to show it."""

from __future__ import annotations

from dataclasses import dataclass

from ....console.terminal import Terminal
from ..machine import libc
from ..measuring import Advance, Effort, Headline
from . import arrays, caches, changes, doubling, moving

TITLE = "Fragmentation, without and with compaction"


@dataclass(frozen=True, slots=True)
class Fragmentation:
    """What each workload left."""

    part: float  # of the bytes that each workload is meant to have
    malloc: str  # the name of the system's own
    caches: list[caches.FullCache]
    changes: list[changes.Changed]
    doubling: doubling.Doubling
    arrays: list[arrays.LargeArrays]
    moving: moving.Moving

    def show(self, terminal: Terminal) -> None:
        """Workload by workload."""
        if self.part != 1:
            terminal.say(f"Each workload at {self.part:.0%} of its size.")
        caches.show(self.caches, terminal, self.malloc)
        changes.show(self.changes, terminal, self.malloc)
        doubling.show(self.doubling, terminal, self.malloc)
        arrays.show(self.arrays, terminal, self.malloc)
        moving.show(self.moving, terminal)

    def headlines(self) -> list[Headline]:
        """The figures with compaction beside those without."""
        return [
            *caches.headlines(self.caches),
            *changes.headlines(self.changes),
            *doubling.headlines(self.doubling),
            *arrays.headlines(self.arrays),
            *moving.headlines(self.moving),
        ]


def measure(effort: Effort, advance: Advance) -> Fragmentation:
    """Plays all of them, at the scale of the effort."""
    part = effort.part
    return Fragmentation(
        part,
        libc(),
        caches.measure(part, advance),
        changes.measure(part, advance),
        doubling.measure(part, advance),
        arrays.measure(part, advance),
        moving.measure(part, advance),
    )
