"""Run a Python program and write a trace of all memory that the interpreter takes for it.

The program runs unchanged: arguments, input, output and exit status are its own. The trace has a
line for each allocation, reallocation and free in any of the interpreter's three domains and any
thread. It is written as the program runs, so a crash leaves a trace that can be read, down to the
last operation. Recording ends with the program and in forked children. Compression comes then: a
program that is killed, aborts or becomes another one (exec) leaves plain text, whatever its name.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import os
import platform
import sys
from collections.abc import Callable

from .. import _core
from ..format.names import printable
from ..format.sizes import format_size
from ..traces.heap_recording import RecordingSummary
from ..traces.program import Program, ProgramNotFoundError
from ..traces.trace_file import TraceFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The program, and where the trace goes."""
    parser.usage = "%(prog)s [-o FILE] [--sites] [--times] [-m] PROGRAM [ARGUMENT ...]"
    parser.epilog = (__doc__ or "").partition("\n\n")[2]
    parser.add_argument(
        "-o",
        dest="output",
        metavar="FILE",
        help="the trace, gzipped if it ends in .gz; a file of that name is replaced "
        "(default: NAME.trace.gz in this folder)",
    )
    parser.add_argument(
        "--sites", action="store_true", help="name the line and the function behind each request"
    )
    parser.add_argument(
        "--times", action="store_true", help="tell when each operation was, in microseconds"
    )
    parser.add_argument("-m", dest="is_module", action="store_true", help="PROGRAM is a module")
    parser.add_argument(
        "--overhead", action="store_true", help="run no program: print what recording costs here"
    )
    parser.add_argument("program", metavar="PROGRAM", nargs="?", help="a file of Python source")
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER)
    parser.set_defaults(refuse=parser.error)


def run(options: argparse.Namespace) -> int | Callable[[], int]:
    """Returns the program, ready to be run; or prints the overhead and returns 0."""
    if options.overhead:
        from .overhead import measure_overhead

        print(f"Python {platform.python_version()}, parsing JSON while it is recorded:")
        for name in ("json.trace", "json.trace.gz"):
            print("  ", measure_overhead(name))
        return 0
    if options.program is None:
        options.refuse("which program? Name a file of Python source, or -m and a module")
    # A program that is not there ends as it would with Python alone.
    try:
        if options.is_module:
            program = Program.module(options.program, options.arguments)
        else:
            program = Program.script(options.program, options.arguments)
    except ProgramNotFoundError as error:
        print(f"rheap record: {printable(str(error))}", file=sys.stderr)
        return error.status
    trace = TraceFile(options.output or f"{program.name}.trace.gz")
    return lambda: _run_recorded(program, trace, times=options.times, sites=options.sites)


def _run_recorded(program: Program, trace: TraceFile, *, times: bool, sites: bool) -> int:
    process = os.getpid()

    def finish() -> None:
        if os.getpid() == process:  # not in a forked child
            _finish(trace)

    # Registered first, so it runs last: after the program's threads and its own exit functions.
    atexit.register(finish)
    _core.start_recording(trace.descriptor, times, sites)
    program.run()
    return 0


def _finish(trace: TraceFile) -> None:
    figures = _core.stop_recording()
    error = figures.pop("error")
    summary = RecordingSummary(**figures)
    path = printable(trace.path)
    if error != 0:
        text = f"{path} ends after {_count(summary.operations, 'operation')}: {os.strerror(error)}"
    else:
        failure = trace.compress()
        text = (
            f"{_count(summary.operations, 'operation')}, {_count(summary.threads, 'thread')}, at "
            f"most {format_size(summary.peak_bytes)} live, "
            f"{_count(summary.dropped_frees, 'free')} of older blocks left out: {path}"
            + (f"; {failure.strerror}" if failure is not None else "")
        )
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"rheap record: {text}", file=sys.__stderr__, flush=True)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("s" if number != 1 else "")
