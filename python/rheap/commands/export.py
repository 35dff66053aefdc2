"""Write a trace as plain text that other replayers read.

The further columns go, ids become the numbers of the allocations, and the four numbers that the
replayer of CS:APP's malloc lab reads first stand before them: a heap size in bytes, ids,
operations, a weight. Compactions are left out: this format has no word for them.
"""

from __future__ import annotations

import argparse
import gzip
import sys

from ..traces import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The trace, and where it goes."""
    parser.add_argument("trace", help="a trace, plain or gzipped")
    parser.add_argument(
        "out", nargs="?", default="-", help="a file, gzipped if it ends in .gz; - or none: stdout"
    )


def run(options: argparse.Namespace) -> int:
    """Writes it; returns the exit status."""
    trace = load(options.trace)
    if options.out == "-":
        trace.write(sys.stdout.buffer.write)
    elif options.out.endswith(".gz"):
        with gzip.open(options.out, "wb") as zipped:
            trace.write(zipped.write)
    else:
        with open(options.out, "wb") as file:
            trace.write(file.write)
    return 0
