"""Files that commands write: opened before the work begins, and not emptied before it is done."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from types import TracebackType
from typing import Self


class Output:
    """A file to be written, to be used by `with`.

    Raises `OSError` at once when the system refuses to write there. What stood in it stays until
    `write`; a file that was made for nothing is removed.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._is_new = not os.path.lexists(path)
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by __exit__
        self._is_written = False

    def __enter__(self) -> Self:
        return self

    def write(self, parts: Iterable[str]) -> None:
        """Replaces what stood there."""
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.truncate(0)
        self._file.writelines(parts)
        self._is_written = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._is_new and not self._is_written:
            os.unlink(self._path)
