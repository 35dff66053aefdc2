"""That a process has a heap under a name: a symlink in the folder of the name."""

from __future__ import annotations

import contextlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OWNER = "owner"


class Record:
    """That a process has a heap."""

    def __init__(self, pid: int, descriptor: int, heap: int, start: int, owner: bool) -> None:
        self.pid = pid
        self.descriptor = descriptor
        self.heap = heap
        self.start = start
        self.owner = owner

    @property
    def path(self) -> str:
        """Where others find its segment."""
        return f"/proc/{self.pid}/fd/{self.descriptor}"

    @property
    def draft(self) -> str:
        """The name of its file until it is whole."""
        return f".{self.pid}"

    @property
    def is_alive(self) -> bool:
        """Whether the process still has that segment there, or lives and does not let us look."""
        try:
            return os.readlink(self.path) == f"/memfd:rheap-{self.heap:016x} (deleted)"
        except PermissionError:
            return start_of(self.pid) == self.start
        except OSError:
            return False

    def write(self, folder: int) -> None:
        """In one step: others see all of it, or nothing."""
        target = f"{self.pid}:{self.descriptor}:{self.heap:016x}:{self.start}"
        target += f":{_OWNER}" * self.owner
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.draft, dir_fd=folder)  # of one that had this pid before, and died here
        os.symlink(target, self.draft, dir_fd=folder)
        os.rename(self.draft, str(self.pid), src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, folder: int) -> None:
        """Takes it out of its folder."""
        os.unlink(str(self.pid), dir_fd=folder)


def living(folder: int) -> Iterator[Record]:
    """The records of living processes. Removes those of the dead, and nothing that is no record."""
    for file in os.listdir(folder):
        record = _record_in(folder, file)
        if record is None:
            continue
        if file == str(record.pid) and record.is_alive:
            yield record
        else:  # a draft, too: who writes one has the folder locked
            with contextlib.suppress(OSError):
                os.unlink(file, dir_fd=folder)


def _record_in(folder: int, file: str) -> Record | None:
    """What that file says, if it is a record, or one that was not yet given its name."""
    try:
        pid, descriptor, heap, start, *owner = os.readlink(file, dir_fd=folder).split(":")
        record = Record(int(pid), int(descriptor), int(heap, 16), int(start), owner == [_OWNER])
    except (OSError, ValueError):
        return None
    return record if file in (pid, record.draft) else None


def start_of(pid: int) -> int:
    """When a process was started, in ticks since the machine was; 0 when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except OSError:
        return 0
