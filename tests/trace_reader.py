"""Strict readers of traces in plain Python: whatever breaks a rule of the format fails."""

import gzip
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Operation:
    """One of them; `bytes` is None for a free and a compaction without a bound. `id`: the number of
    the block's allocation, 0 of a compaction. `site`: as the line has it, with its escapes."""

    kind: str
    id: int
    bytes: int | None
    time: int = 0
    thread: int = 0
    site: str = ""


@dataclass
class Trace:
    """The operations in order, and what they come to."""

    operations: list[Operation] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    live: dict[int, int] = field(default_factory=dict)
    bytes: int = 0
    peak: int = 0

    def add(self, operation, line):
        """The next one, which stands on that line."""
        kind, id_ = operation.kind, operation.id
        if kind == "c":
            self.operations.append(operation)
            return
        assert kind == "a" or (kind in "rf" and id_ in self.live), line
        self.bytes += (operation.bytes or 0) - self.live.pop(id_, 0)
        if kind != "f":
            self.live[id_] = operation.bytes
        self.peak = max(self.peak, self.bytes)
        self.operations.append(operation)

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


def read_trace(path, *, broken_off=False):
    """Reads and verifies what a recorder wrote: version 2. `broken_off`: nobody ended it, so zero
    bytes may stand behind the last line."""
    text = _text_of(path)
    if broken_off:
        text = text.rstrip("\0")
    assert text.endswith("\n"), "the last line is not whole"
    first, *lines = text.removesuffix("\n").split("\n")
    assert first == "# rheap 2"
    trace = Trace(comments=[first])
    time = thread = born = 0
    sites = [""]
    site = sites[0]
    for line in lines:
        if line.startswith("#"):
            trace.comments.append(line)
        elif match := re.fullmatch(r"s (\d+)(?: (.+))?", line):
            number = int(match[1])
            if match[2] is not None:
                assert number == len(sites), line
                cut = len(match[2].encode()) > 2040
                assert cut or match[2] not in sites, line
                sites.append(match[2])
            site = sites[number]
        elif match := re.fullmatch(r"t (\d+)", line):
            assert thread != int(match[1]), line
            thread = int(match[1])
        elif match := re.fullmatch(r"c(?: (\d+))?", line):
            most = None if match[1] is None else int(match[1])
            trace.add(Operation("c", 0, most, time, thread), line)
        elif match := re.fullmatch(r"u (\d+)", line):
            assert int(match[1]) > 0, line
            time += int(match[1])
        else:
            kind, *numbers = line.split(" ")
            assert all(re.fullmatch(r"\d+", number) for number in numbers), line
            if kind == "a":
                born += 1
                numbers.insert(0, "1")
            back, *size = map(int, numbers)
            assert len(size) == (kind != "f") and 1 <= back <= born, line
            operation = Operation(kind, born - back + 1, *(size or [None]), time, thread)
            if kind != "f":
                operation.site = site
            trace.add(operation, line)
    return trace


def read_plain(path):
    """Reads and verifies a trace of operations alone, whose ids are used again after a free."""
    trace = Trace()
    for line in _text_of(path).splitlines():
        match = re.fullmatch(r"([ar]) (\d+) (\d+)|(f) (\d+)", line)
        assert match, line
        kind, id_, *size = filter(None, match.groups())
        assert kind != "a" or int(id_) not in trace.live, line
        trace.add(Operation(kind, int(id_), *(map(int, size) if size else [None])), line)
    return trace


def _text_of(path):
    data = Path(path).read_bytes()
    return (gzip.decompress(data) if is_gzip(path) else data).decode()
