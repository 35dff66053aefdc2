"""List the shared heaps of this user that have a name, or show one of them.

Names that no living process has a heap of are removed on the way.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator

from .. import names
from ..console.table import table
from ..console.terminal import Terminal
from ..format.names import printable
from ..format.sizes import format_size
from ..shared_heap import SharedHeap


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A name, or none."""
    parser.add_argument(
        "name", nargs="?", help="show the map of this one, its processes and its tickets"
    )


def run(options: argparse.Namespace) -> int:
    """Prints it; returns the exit status."""
    terminal = Terminal()
    if options.name is None:
        _list(terminal)
    else:
        _show(terminal, options.name)
    return 0


def _age(seconds: float) -> str:
    """How long ago something was, in the largest unit of which there is one.

    >>> _age(0.3), _age(59), _age(7300), _age(200_000)
    ('0 s', '59 s', '2 h', '2 d')
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _open(name: str) -> SharedHeap:
    """Attached behind its descriptor, so that this process is none of those that have the name."""
    descriptor = names.find(name, 0)
    try:
        return SharedHeap.attach(fd=descriptor)
    finally:
        os.close(descriptor)


def _list(terminal: Terminal) -> None:
    rows = [row for name in names.listed() for row in _row_of(name)]
    if not rows:
        terminal.say("No living process of this user has a shared heap with a name.")
        return
    header = ["name", "size", "live", "blocks", "processes", "tickets", "age"]
    terminal.output(table(header, rows, terminal.columns))


def _row_of(name: str) -> Iterator[list[str]]:
    try:
        heap = _open(name)
    except FileNotFoundError:  # its last process ended just now
        return
    except OSError as error:
        yield [printable(name), error.strerror or str(error), *[""] * 5]
        return
    with heap:
        stats = heap.stats()
        others = [each for each in heap.processes() if each.pid != os.getpid()]
        age = max((time.time() - each.since for each in others), default=0.0)
        yield [
            printable(name),
            format_size(stats.capacity),
            format_size(stats.live_bytes),
            f"{stats.live_blocks:,}",
            f"{len(others):,}",
            f"{len(heap.tickets()):,}",
            _age(age),
        ]


def _show(terminal: Terminal, name: str) -> None:
    with _open(name) as heap:
        terminal.heading(printable(name))
        terminal.output(heap.map())
        rows = [
            [
                str(each.pid),
                f"{each.blocks:,}",
                format_size(each.bytes),
                f"{each.tickets:,}",
                _age(time.time() - each.since),
                "forked" if each.inherited else "",
            ]
            for each in heap.processes()
            if each.pid != os.getpid()
        ]
        header = ["process", "blocks", "bytes", "tickets", "since", ""]
        terminal.output(table(header, rows, terminal.columns))
        for ticket in heap.tickets():
            who = f"process {ticket.pid}" if ticket.pid else f"a sender that {ticket.sender}"
            terminal.output(f"in flight: {ticket.size:,} bytes at +0x{ticket.offset:x}, by {who}")
