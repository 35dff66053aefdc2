"""A program at a terminal of its own: what somebody sees there, and types."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

_SECONDS = 60
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """`rheap` with these arguments at a terminal of so many columns and rows."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process = process
        self._master = master
        self._written = b""

    @property
    def screen(self) -> str:
        """All that was written so far, without colours."""
        return re.sub("\x1b\\[[0-9;]*m", "", self.painted)

    @property
    def painted(self) -> str:
        """The same with colours."""
        text = self._written.decode(errors="ignore")  # it may end in half a character
        return text.replace("\r\n", "\n")

    def type(self, text: str, *, until: str | tuple[str, ...] | None = None) -> str:
        """Types it; returns what is written from then on, up to these words, or to the end."""
        os.write(self._master, text.encode(errors="surrogateescape"))
        return self.read(until=until)

    def enter(self, line: str = "", *, until: str | tuple[str, ...] | None = None) -> str:
        """Types a line."""
        return self.type(f"{line}\n", until=until)

    def read(self, *, until: str | tuple[str, ...] | None = None) -> str:
        """What is written until these words stand at the end, or the program ends."""
        before, deadline = len(self.screen), time.monotonic() + _SECONDS
        while until is None or not self.screen[before:].rstrip(" ").endswith(until):
            readable, _, _ = select.select([self._master], [], [], deadline - time.monotonic())
            assert readable, f"no {until!r} in {self.screen[before:]!r}"
            try:
                part = os.read(self._master, 65536)
            except OSError:  # how a terminal says that nobody has it any more
                part = b""
            if not part:
                assert until is None, f"no {until!r} in {self.screen[before:]!r}"
                break
            self._written += part
        return self.screen[before:]

    def status(self) -> int:
        """How it ended."""
        return self._process.wait(_SECONDS)


@contextlib.contextmanager
def at_terminal(
    *arguments: str, columns: int = 80, rows: int = 40, **variables: str
) -> Iterator[Terminal]:
    """Starts it; ends it when the test is over."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "rheap", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environment, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **variables},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)
