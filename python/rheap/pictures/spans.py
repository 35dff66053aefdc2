"""The pieces that pictures are made of: bytes that are one thing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..reports import BlockInfo


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes that are one thing.

    From `start` to before `end`, offsets from the region's base; `kind` is a key of `LEGEND`.
    `block`: whose bytes they are.
    """

    start: int
    end: int
    kind: str
    block: BlockInfo | None = None

    def within(self, start: int, end: int) -> Span:
        """The part of it between two offsets."""
        if start <= self.start and self.end <= end:
            return self
        return replace(self, start=max(self.start, start), end=min(self.end, end))
