"""Names of shared heaps: which living process has the segment of which name.

A name is a folder of records, `/dev/shm/rheap-UID-PIDS/NAME/`: one for each attached process, a
symlink that leads nowhere and fits on a full file system. Its target says "PID:FD:HEAP:START", that
of the owner "PID:FD:HEAP:START:owner". A heap is opened through `/proc/PID/fd/FD` of any process
that still has it there, so nothing that was left over is taken for a heap; who finds a dead record
removes it. START is when the process was started: of one that does not let others look into its
descriptors it says whether it is still the same. PIDS is the namespace that the pids are of: in
another one, a container's, the same number is another process.

All changes are made with the folder locked (`flock`); the kernel unlocks it for who dies. While one
is stopped there, others give up after a while.
"""

from __future__ import annotations

import contextlib
import errno
import os

from .folder import drop_if_empty, folders, locked, tries
from .record import Record, living, start_of

_LONGEST = 200  # bytes of a name; that of a file may have 255


def check_name(name: object) -> str:
    """The name, if a heap can have it. Raises `TypeError` or `ValueError`."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    try:
        length = len(os.fsencode(name))
    except UnicodeEncodeError:
        length = 0
    if not 1 <= length <= _LONGEST or name in (".", "..") or "/" in name or "\0" in name:
        shown = name if len(name) <= _LONGEST else f"{name[:20]}..."
        raise ValueError(
            f"name must be one that a file can have, of 1 to {_LONGEST} bytes, not {shown!r}"
        )
    return name


def publish(name: str, descriptor: int, heap: int, *, owner: bool) -> bool:
    """This process has that heap under that name from here on.

    Returns False, and changes nothing, when the name is another's: as its owner, when any living
    heap has it; else, when another heap has it, or nobody is left and it was removed.
    """
    while True:
        with locked(name, make=owner) as folder:
            if folder is None:
                if owner:
                    continue  # somebody removed it between making and locking
                return False
            heaps = {record.heap for record in living(folder)}
            if heaps if owner else heaps - {heap}:
                return False
            record = Record(os.getpid(), descriptor, heap, start_of(os.getpid()), owner)
            try:
                record.write(folder)
            except OSError:
                drop_if_empty(name, folder)
                raise
            return True


def withdraw(name: str, heap: int) -> None:
    """This process has that heap no longer. If it is the owner, nobody has it under that name."""
    with locked(name) as folder:
        if folder is None:
            return
        own = [each for each in living(folder) if (each.pid, each.heap) == (os.getpid(), heap)]
        for record in living(folder) if any(each.owner for each in own) else own:
            record.remove(folder)
        drop_if_empty(name, folder)


def unlink(name: str, heap: int) -> None:
    """Nobody has that heap under that name any more. Raises `FileNotFoundError` if nobody had."""
    with locked(name) as folder:
        records = [] if folder is None else [*living(folder)]
        if folder is None or heap not in {record.heap for record in records}:
            raise _not_found(name)
        for record in records:
            record.remove(folder)
        drop_if_empty(name, folder)


def find(name: str, timeout: float) -> int:
    """A descriptor of the segment of that name, the caller's to close.

    Waits up to `timeout` seconds for there to be one, then raises `FileNotFoundError`. Raises
    `PermissionError` when only processes have it that this one may not look into.
    """
    for _ in tries(timeout):
        with locked(name) as folder:
            records = [] if folder is None else [*living(folder)]
            for record in records:
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    return os.open(record.path, os.O_RDWR | os.O_CLOEXEC)
        if records:
            raise PermissionError(
                errno.EACCES,
                f"the processes that have the heap {name!r} do not let this one open their "
                f"descriptors; get the descriptor from one of them, and attach with fd=",
            )
    raise _not_found(name)


def listed() -> list[str]:
    """The names that living processes of this user have heaps under. Removes all others."""
    found = []
    for name in folders():
        with locked(name) as folder:
            if folder is None:
                continue
            if [*living(folder)]:
                found.append(name)
            else:
                drop_if_empty(name, folder)
    return found


def _not_found(name: str) -> FileNotFoundError:
    return FileNotFoundError(
        errno.ENOENT, f"no living process has a shared heap of the name {name!r}; make one first"
    )
