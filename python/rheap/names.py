"""Names of shared heaps: which living process has the segment of which name.

A name is a folder of records, `/dev/shm/rheap-UID/NAME/`: one for each attached process, a symlink
that leads nowhere and fits on a full file system. Its target says "PID:FD:HEAP:START", that of the
owner "PID:FD:HEAP:START:owner". A heap is opened through `/proc/PID/fd/FD` of any process that
still has it there, so nothing that was left over is taken for a heap; who finds a dead record
removes it. START is when the process was started: of one that does not let others look into its
descriptors it says whether it is still the same.

All changes are made with the folder locked (`flock`); the kernel unlocks it for who dies.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time

from .loading import no_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARED_MEMORY = "/dev/shm"
_LONGEST = 200  # bytes of a name; that of a file may have 255
_FIRST_NAP, _LONGEST_NAP = 0.001, 0.05  # seconds
_OWNER = "owner"


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
        with _locked(name, make=owner) as folder:
            if folder is None:
                if owner:
                    continue  # somebody removed it between making and locking
                return False
            living = {found.heap for found in _records(folder)}
            if living if owner else living - {heap}:
                return False
            record = _Record(os.getpid(), descriptor, heap, _start_of(os.getpid()), owner)
            record.write(folder)
            return True


def withdraw(name: str, heap: int) -> None:
    """This process has that heap no longer. If it is the owner, nobody has it under that name."""
    with _locked(name) as folder:
        if folder is None:
            return
        own = [each for each in _records(folder) if (each.pid, each.heap) == (os.getpid(), heap)]
        for record in _records(folder) if any(each.owner for each in own) else own:
            record.remove(folder)
        _drop_if_empty(name, folder)


def unlink(name: str, heap: int) -> None:
    """Nobody has that heap under that name any more. Raises `FileNotFoundError` if nobody had."""
    with _locked(name) as folder:
        records = [] if folder is None else [*_records(folder)]
        if folder is None or heap not in {record.heap for record in records}:
            raise _not_found(name)
        for record in records:
            record.remove(folder)
        _drop_if_empty(name, folder)


def find(name: str, timeout: float) -> int:
    """A descriptor of the segment of that name, the caller's to close.

    Waits up to `timeout` seconds for there to be one, then raises `FileNotFoundError`. Raises
    `PermissionError` when only processes have it that this one may not look into.
    """
    deadline = time.monotonic() + timeout
    nap = _FIRST_NAP
    while True:
        with _locked(name) as folder:
            records = [] if folder is None else [*_records(folder)]
            for record in records:
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    return os.open(record.path, os.O_RDWR | os.O_CLOEXEC)
        if records:
            raise PermissionError(
                errno.EACCES,
                f"the processes that have the heap {name!r} do not let this one open their "
                f"descriptors; get the descriptor from one of them, and attach with fd=",
            )
        left = deadline - time.monotonic()
        if left <= 0:
            raise _not_found(name)
        time.sleep(min(nap, left))
        nap = min(nap * 2, _LONGEST_NAP)


def listed() -> list[str]:
    """The names that living processes of this user have heaps under. Removes all others."""
    _refuse_foreign_root()
    found = []
    try:
        folders = sorted(os.listdir(_root()))
    except FileNotFoundError:
        return []
    for name in folders:
        with _locked(name) as folder:
            if folder is None:
                continue
            if [*_records(folder)]:
                found.append(name)
            else:
                _drop_if_empty(name, folder)
    return found


class _Record:
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
    def is_alive(self) -> bool:
        """Whether the process still has that segment there, or lives and does not let us look."""
        try:
            return os.readlink(self.path) == f"/memfd:rheap-{self.heap:016x} (deleted)"
        except PermissionError:
            return _start_of(self.pid) == self.start
        except OSError:
            return False

    def write(self, folder: int) -> None:
        """In one step: others see all of it, or nothing."""
        target = f"{self.pid}:{self.descriptor}:{self.heap:016x}:{self.start}"
        target += f":{_OWNER}" * self.owner
        draft = f".{self.pid}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)  # of one that had this pid before, and died here
        os.symlink(target, draft, dir_fd=folder)
        os.rename(draft, str(self.pid), src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, folder: int) -> None:
        """Takes it out of its folder."""
        os.unlink(str(self.pid), dir_fd=folder)


def _records(folder: int) -> Iterator[_Record]:
    """Those of living processes. Removes all else that lies there."""
    for file in os.listdir(folder):
        try:
            pid, descriptor, heap, start, *owner = os.readlink(file, dir_fd=folder).split(":")
            record = _Record(
                int(pid), int(descriptor), int(heap, 16), int(start), owner == [_OWNER]
            )
            alive = file == pid and record.is_alive
        except (OSError, ValueError):
            alive = False
        if alive:
            yield record
        else:
            with contextlib.suppress(OSError):
                os.unlink(file, dir_fd=folder)


def _root() -> str:
    return f"{_SHARED_MEMORY}/rheap-{os.getuid()}"


@contextlib.contextmanager
def _locked(name: str, *, make: bool = False) -> Iterator[int | None]:
    """A descriptor of the folder of that name, with its lock; None when there is no such folder."""
    path = f"{_root()}/{name}"
    if make:
        _make_folder(_root())
    _refuse_foreign_root()
    if make:
        _make_folder(path)
    with no_fork:  # a child would keep the lock
        try:
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            # It may have been removed, and another one made, while this waited for the lock.
            yield folder if _is_still(path, folder) else None
        finally:
            os.close(folder)


def _is_still(path: str, folder: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(folder))
    except FileNotFoundError:
        return False


def _make_folder(path: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)


def _start_of(pid: int) -> int:
    """When a process was started, in ticks since the machine was; 0 when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def _refuse_foreign_root() -> None:
    """In /dev/shm everybody may make a folder of this user's name."""
    try:
        found = os.stat(_root(), follow_symlinks=False)
    except FileNotFoundError:
        return
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
        raise PermissionError(
            errno.EPERM, f"{_root()} is not a folder of this user's alone; remove it"
        )


def _drop_if_empty(name: str, folder: int) -> None:
    if not os.listdir(folder):
        with contextlib.suppress(OSError):
            os.rmdir(f"{_root()}/{name}")


def _not_found(name: str) -> FileNotFoundError:
    return FileNotFoundError(
        errno.ENOENT, f"no living process has a shared heap of the name {name!r}; make one first"
    )
