"""Run a Python program and write a trace of all memory that the interpreter takes for it.

The program runs unchanged: arguments, input, output and exit status are its own, and it finds the
interpreter as Python alone would start it. Whatever `python X` runs can be recorded: a file of
source or bytecode, a folder or a zip archive with a `__main__`, -m and a module, -c and code, - for
standard input. The trace has a line for each allocation, reallocation and free in any of the
interpreter's three domains and any thread. It is written as the program runs, so a crash leaves a
trace that can be read, down to the last operation. Recording ends with the program and in forked
children. Compression comes then: a program that is killed, aborts or becomes another one (exec)
leaves plain text, whatever its name.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import platform
import sys
from pathlib import Path
from typing import NoReturn

from .. import _core
from ..traces import recorded
from ..traces.trace_file import TraceFile

_WITH_VALUE = "WX"
"""Python's options of a letter that take a value, beside -m and -c, which end them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The program, and where the trace goes."""
    parser.usage = (
        "%(prog)s [-o FILE] [--sites] [--times] (PROGRAM | -m MODULE | -c CODE | -) [ARGUMENT ...]"
    )
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
    way = parser.add_mutually_exclusive_group()
    way.add_argument("-m", dest="kind", action="store_const", const="module", help="run a module")
    way.add_argument("-c", dest="kind", action="store_const", const="code", help="run this code")
    parser.add_argument(
        "--overhead", action="store_true", help="run no program: print what recording costs here"
    )
    parser.add_argument("program", metavar="PROGRAM", nargs="?", help="what Python is to run")
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER)
    parser.set_defaults(refuse=parser.error)


def run(options: argparse.Namespace) -> int:
    """Becomes the program; or prints the overhead and returns 0."""
    if options.overhead:
        from .overhead import measure_overhead

        print(f"Python {platform.python_version()}, parsing JSON while it is recorded:")
        for name in ("json.trace", "json.trace.gz"):
            print("  ", measure_overhead(name))
        return 0
    if options.program is None:
        options.refuse("which program? Name a file, -m and a module, -c and code, or -")
    if options.sites and not _core.KNOWS_LINES:
        options.refuse("--sites: this Python does not tell which line asks for memory")
    kind = options.kind or _kind_of(options.program)
    if kind == "input" and sys.stdin is not None and sys.stdin.isatty():
        options.refuse("- reads a program from standard input, which is a terminal here")
    trace = None
    if _is_there(kind, options.program):
        trace = TraceFile(options.output or f"{_name_of(kind, options.program)}.trace.gz")
    return _become(kind, options, trace)


def _kind_of(program: str) -> str:
    """How Python would run what is named without an option."""
    if program == "-":
        return "input"
    for hook in sys.path_hooks:
        with contextlib.suppress(ImportError):
            hook(os.path.abspath(program))
            return "container"  # a folder, or a zip archive
    return "script"


def _name_of(kind: str, program: str) -> str:
    names = {"module": program, "code": "code", "input": "stdin"}
    return names.get(kind) or Path(os.path.abspath(program)).stem


def _is_there(kind: str, program: str) -> bool:
    """False only where Python can but say that there is no such program."""
    if kind == "script":
        return os.path.exists(program)
    if kind == "module" and program:
        sys.path.insert(0, os.getcwd())
        return importlib.util.find_spec(program.partition(".")[0] or "rheap") is not None
    return True


def _become(kind: str, options: argparse.Namespace, trace: TraceFile | None) -> NoReturn:
    """This process runs a fresh interpreter from here on, which runs the program. Without a trace
    Python itself says what is wrong with it."""
    ours = _interpreter_options()
    program = [options.program, *options.arguments]
    if trace is None:
        command = [*(["-m"] if kind == "module" else []), *program]
    else:
        os.set_inheritable(trace.descriptor, True)
        command = [
            *(recorded.__file__, _core.__file__, str(trace.descriptor)),
            *(str(int(fact)) for fact in (options.times, options.sites)),
            *(trace.path, trace.whole_path, str(int(trace.to_compress))),
            *(str(len(ours)), *ours, kind, *program),
        ]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os.execv(sys.executable, [sys.executable, *ours, *command])


def _interpreter_options() -> list[str]:
    """Those that this Python was started with, before what it was to run."""
    words = iter(sys.orig_argv[1:])
    options: list[str] = []
    for word in words:
        if word == "--check-hash-based-pycs" or (word[0:1] == "-" and word[1:2] in _WITH_VALUE):
            options.append(word)
            if word[2:] == "" or word[1] == "-":
                options.append(next(words, ""))
        elif word.startswith("-") and len(word) > 1:
            letters = word.partition("m")[0].partition("c")[0] if word[1] != "-" else word
            if len(letters) > 1:
                options.append(letters)
            if letters != word:
                break
        else:
            break
    return options
