"""The command `rheap`: a table of subcommands, each a module of its own."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from .. import __version__
from ..errors import HeapError, TraceError
from . import bench, export, record, replay, shm, tour, view

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE


class Command(Protocol):
    """What a module must have to be a subcommand; the first line of its docstring is its help."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's own arguments."""

    def run(self, options: argparse.Namespace) -> int:
        """Runs it; returns the exit status."""


COMMANDS: dict[str, Command] = {
    "tour": tour,
    "view": view,
    "replay": replay,
    "record": record,
    "export": export,
    "shm": shm,
    "bench": bench,
}
"""In the order in which somebody who is new here meets them, and in which --help lists them."""
DEFAULT = "tour"


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="rheap",
        description="A memory heap for Python that you can look into.",
        epilog=f"Without a command: rheap {DEFAULT}.",
    )
    parser.add_argument("--version", action="version", version=f"rheap {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        help_ = (command.__doc__ or "").partition("\n")[0]
        command.add_arguments(commands.add_parser(name, help=help_, description=help_))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line (of the process, or `argv`); returns the exit status.

    Ctrl-C, a closed pipe, and what a heap or the system refuses end in a status, not a traceback.
    """
    arguments = list(sys.argv[1:] if argv is None else argv) or [DEFAULT]
    parser = make_parser()
    if not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        parser.error(_unknown(arguments[0]))
    options = parser.parse_args(arguments)
    command = options.command or DEFAULT
    _escape_what_cannot_be_encoded()
    try:
        status = COMMANDS[command].run(options)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a closed pipe can still be told
    except KeyboardInterrupt:
        _drop_output()
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED
    except MemoryError as error:
        # What stands for a heap's refusal says itself what would help.
        words = error if isinstance(error, HeapError) else "there is not enough memory for that"
        print(f"rheap {command}: {words}", file=sys.stderr)
        _drop_output()
        return 1
    except (HeapError, TraceError, OSError) as error:
        print(f"rheap {command}: {error}", file=sys.stderr)
        _drop_output()
        return 1
    return status


def _unknown(written: str) -> str:
    """What to say to somebody who wrote this for a command."""
    near = difflib.get_close_matches(written.lower(), COMMANDS, n=1, cutoff=0.5)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return f"there is no command {written!r}.{meant} There are: {', '.join(COMMANDS)}."


def _escape_what_cannot_be_encoded() -> None:
    """In names of files, heaps and sites there may be any character, and not in every encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Flushes stdout or discards its buffer, so that the flush at exit cannot fail."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
