"""A line on stderr, where that is a terminal, that says what is being measured."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import Self

_CLEAR = "\r\x1b[K"


class Progress:
    """Use it in a `with`; call it with what comes now. At the end the line is gone."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._stream = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        return self

    def __call__(self, text: str) -> None:
        """Shows it."""
        if self._stream is not None:
            line = f"{self._title}: {text} ..."[: shutil.get_terminal_size().columns - 1]
            print(_CLEAR + line, end="", file=self._stream, flush=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            print(_CLEAR, end="", file=self._stream, flush=True)
