"""The requests of a workload to the system's malloc, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from array import array
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn, Self

from ..machine import plain_environment
from . import malloc_worker
from .malloc_worker import AT_ONCE

_WORKER = malloc_worker.__file__  # alone it starts faster, and has less memory of its own


class Malloc:
    """That process, as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-P", _WORKER],
            env=plain_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def play(self, requests: Sequence[int]) -> None:
        """Makes them there, while the caller goes on."""
        for first in range(0, len(requests), AT_ONCE):
            some = requests[first : first + AT_ONCE]
            self._send(array("q", [len(some), *some]))

    def resident_bytes(self) -> int:
        """What malloc has in memory, once all is done."""
        self._send(array("q", [0]))
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        if not told:
            self._fail()
        return int(told)

    def _send(self, message: array[int]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(message)
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()

    def _fail(self) -> NoReturn:
        raise ChildProcessError(f"malloc's process ended with status {self._process.wait()}")
