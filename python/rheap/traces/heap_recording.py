"""Recordings of one heap: `Heap.record`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from .. import _core
from ..errors import HeapClosed
from .trace_file import TraceFile


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """What the trace holds: operations, threads, the most bytes that were live at a time (of blocks
    born in the recording), and frees that it left out because their blocks are older."""

    operations: int
    threads: int
    peak_bytes: int
    dropped_frees: int


class HeapRecording:
    """What `Heap.record` returns; see there. `summary` is None until the `with` has ended."""

    def __init__(
        self, heap: _core.Heap, path: str | os.PathLike[str], *, sites: bool, times: bool
    ) -> None:
        self.summary: RecordingSummary | None = None
        self._heap = heap
        self._path = path
        self._sites = bool(sites)
        self._times = bool(times)

    def __enter__(self) -> Self:
        if self._heap.closed:
            raise HeapClosed("record")
        if self._heap._observed:
            raise RuntimeError(
                f"cannot record to {os.fspath(self._path)!r}: the heap is being recorded already; "
                f"end that recording first"
            )
        self._process = os.getpid()
        self._trace = TraceFile(self._path)
        self._recorder = _core.HeapRecorder(
            self._heap, self._trace.descriptor, self._times, self._sites
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if os.getpid() != self._process:
            return  # a forked child: the recording is its parent's
        figures = self._recorder.stop()
        stopped = figures.pop("error")
        self.summary = RecordingSummary(**figures)
        if stopped != 0:
            raise OSError(stopped, os.strerror(stopped), self._trace.path)
        failure = self._trace.compress()
        if failure is not None:
            raise failure
