"""The folder of a name, and its lock: whoever changes or reads what lies there has it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time

from ..errors import HeapBusy
from ..loading import no_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARED_MEMORY = "/dev/shm"
_FIRST_NAP, _LONGEST_NAP = 0.001, 0.05  # seconds
_PATIENCE = 10.0  # seconds, as long as for the lock of a heap


@contextlib.contextmanager
def locked(name: str, *, make: bool = False) -> Iterator[int | None]:
    """A descriptor of the folder of that name, with its lock; None when there is no such folder.

    Raises `HeapBusy` when another process has the lock and keeps it.
    """
    path = f"{_root()}/{name}"
    if make:
        _make_folder(_root())
    _refuse_foreign_root()
    if make:
        _make_folder(path)
    for _ in tries(_PATIENCE):
        with no_fork:  # a child would keep the lock
            try:
                folder = _lock(path)
            except BlockingIOError:
                continue
            try:
                yield folder
            finally:
                if folder is not None:
                    os.close(folder)
            return
    raise HeapBusy(_holder_of(path))


def tries(seconds: float) -> Iterator[None]:
    """Yields at once, and again after naps that grow, until so many seconds are over."""
    deadline = time.monotonic() + seconds
    nap = _FIRST_NAP
    yield
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(nap, left))
        nap = min(nap * 2, _LONGEST_NAP)
        yield


def folders() -> list[str]:
    """The names that have a folder. What else lies there is nobody's name."""
    _refuse_foreign_root()
    try:
        with os.scandir(_root()) as found:
            return sorted(each.name for each in found if each.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def drop_if_empty(name: str, folder: int) -> None:
    """Removes the folder of that name unless a record lies there."""
    if not os.listdir(folder):
        with contextlib.suppress(OSError):
            os.rmdir(f"{_root()}/{name}")


def _root() -> str:
    if not _sees_itself():
        raise OSError(
            errno.ENOSYS,
            "names of shared heaps need /proc, with the processes of this container; attach with "
            "fd= instead",
        )
    return f"{_SHARED_MEMORY}/rheap-{os.getuid()}-{os.stat('/proc/self/ns/pid').st_ino}"


def _sees_itself() -> bool:
    """Whether /proc is there and shows this process under the pid by which others will know it."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


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


def _lock(path: str) -> int | None:
    """As `locked`, the caller's to close. Raises `BlockingIOError` while another has the lock."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # It may have been removed, and another one made, before this had the lock.
        found = folder if _is_still(path, folder) else None
    except BaseException:
        os.close(folder)
        raise
    if found is None:
        os.close(folder)
    return found


def _holder_of(path: str) -> int:
    """The process that has the lock of that folder; 0 when it cannot be seen."""
    try:
        inode = os.stat(path).st_ino
        with open("/proc/locks", encoding="ascii") as file:
            for line in file:
                _, kind, _, _, pid, place, *_ = line.split()
                if kind == "FLOCK" and place.rpartition(":")[2] == str(inode):
                    return int(pid)
    except (OSError, ValueError):
        pass
    return 0


def _is_still(path: str, folder: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(folder))
    except FileNotFoundError:
        return False


def _make_folder(path: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
