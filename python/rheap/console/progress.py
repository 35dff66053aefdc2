"""How far something is, on stderr, while somebody watches."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import rich.progress

_CLEAR = "\r\x1b[K"
_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """A bar (with rich) or a percentage, gone when the `with` ends. Where stderr is no terminal, a
    line every ten seconds.

    `total`: what `advance` counts to; 0 when that is not known. Nothing runs beside the caller, so
    what is timed meanwhile is left alone.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._watched = sys.stderr is not None and sys.stderr.isatty()
        self._bar = _make_bar() if self._watched else None
        self._task = self._bar.add_task(what, total=total or None) if self._bar else None
        self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._watched:
            print(end=_CLEAR, file=sys.stderr, flush=True)

    def advance(self, done: int, what: str | None = None) -> None:
        """Shows that `done` of the total is done, and what is being done now."""
        self._what = what or self._what
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, description=self._what, refresh=True)
        else:
            part = f" {done / self._total:4.0%}" if self._total else ""
            self._show(f"{self._what}{part}")

    def _show(self, line: str) -> None:
        if self._watched:
            line = line[: shutil.get_terminal_size().columns - 1]
            print(end=_CLEAR + line, file=sys.stderr, flush=True)
        elif time.monotonic() > self._next_line:
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
            print(line, file=sys.stderr, flush=True)


def _make_bar() -> rich.progress.Progress | None:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    except ImportError:
        return None
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
