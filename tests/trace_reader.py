"""A strict reader of traces in plain Python: whatever breaks a rule of the format fails."""

import gzip
import re
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS = ("time", "thread", "site")


@dataclass
class Operation:
    """One line; `bytes` is None for a free, a column that the trace does not have too."""

    kind: str
    id: int
    bytes: int | None
    time: int | None = None
    thread: int | None = None
    site: str | None = None


@dataclass
class Trace:
    """The operations in order, and what they come to."""

    operations: list[Operation] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    live: dict[int, int] = field(default_factory=dict)
    peak: int = 0

    def of_bytes(self, bytes_):
        """The allocations and resizes to that many bytes."""
        return [op for op in self.operations if op.bytes == bytes_]

    def lives(self, bytes_):
        """For each allocation of so many bytes: the kinds of all operations on its block."""
        kinds = {op.id: "" for op in self.of_bytes(bytes_) if op.kind == "a"}
        for op in self.operations:
            if op.id in kinds:
                kinds[op.id] += op.kind
        return list(kinds.values())

    @property
    def threads(self):
        return {op.thread for op in self.operations}


def is_gzip(path):
    return Path(path).read_bytes().startswith(b"\x1f\x8b")


def read_trace(path, *, reused_ids=False, broken_off=False):
    """Reads and verifies a trace. `reused_ids`: a number may be used again after a free.
    `broken_off`: nobody ended it, so zero bytes may stand behind the last line."""
    data = Path(path).read_bytes()
    text = (gzip.decompress(data) if is_gzip(path) else data).decode()
    if broken_off:
        text = text.rstrip("\0")
    assert text.endswith("\n"), "the last line is not whole"
    trace, columns, seen = Trace(), (), set()
    now = total = 0
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        if line.startswith("#"):
            if number == 1:
                head = re.fullmatch(r"# rheap 1((?: \w+)*)", line)
                assert head, line
                columns = tuple(head[1].split())
                assert columns == tuple(name for name in COLUMNS if name in columns)
            trace.comments.append(line)
            continue
        operation = _parse(line, columns)
        assert (operation.time or now) >= now, line
        now = operation.time or now
        if reused_ids:
            seen = trace.live
        total += _apply(trace.live, operation, seen, line)
        trace.peak = max(trace.peak, total)
        if operation.kind == "a" and not reused_ids:
            seen.add(operation.id)
        trace.operations.append(operation)
    return trace


def _parse(line, columns):
    kind, id_, *rest = line.split(" ")
    bytes_ = None if kind == "f" else int(rest.pop(0))
    operation = Operation(kind, int(id_), bytes_)
    for name in columns:
        if name == "site":
            operation.site = " ".join(rest)
            rest = []
        else:
            setattr(operation, name, int(rest.pop(0)))
    assert not rest, line
    assert operation.id >= 0 and (bytes_ is None or bytes_ >= 0), line
    return operation


def _apply(live, operation, seen, line):
    """Returns by how many bytes what is live grew."""
    if operation.kind == "a":
        assert operation.id not in seen, line
    else:
        assert operation.kind in "rf" and operation.id in live, line
    before = live.pop(operation.id, 0)
    if operation.kind != "f":
        live[operation.id] = operation.bytes
    return (operation.bytes or 0) - before
