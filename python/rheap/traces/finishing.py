"""What is left to do when a recorded program has ended."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from ..format.names import printable
from ..format.sizes import format_size
from .heap_recording import RecordingSummary
from .trace_file import compress


def finish(figures: Mapping[str, Any], path: str, whole_path: str, to_compress: bool) -> None:
    """Compresses the trace, and says what it holds."""
    facts = dict(figures)
    error, unhooked = facts.pop("error"), facts.pop("unhooked")
    summary = RecordingSummary(**facts)
    shown = printable(path)
    if error != 0:
        text = f"{shown} ends after {_count(summary.operations, 'operation')}: {os.strerror(error)}"
    else:
        failure = compress(path, whole_path) if to_compress else None
        text = (
            f"{_count(summary.operations, 'operation')}, {_count(summary.threads, 'thread')}, at "
            f"most {format_size(summary.peak_bytes)} live, "
            f"{_count(summary.dropped_frees, 'free')} of older blocks left out: {shown}"
            + (f"; {failure.strerror}" if failure is not None else "")
        )
        if unhooked:
            text += (
                f"\nrheap record: after operation {summary.operations:,} nothing more was seen: "
                f"the program put other allocators in the place of those that were recorded"
            )
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"rheap record: {text}", file=sys.__stderr__, flush=True)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("s" if number != 1 else "")
