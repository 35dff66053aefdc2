"""Names where the system refuses something: other users, containers, full file systems.

What takes root, or a kernel that gives it namespaces, is skipped without.
"""

import contextlib
import ctypes
import errno
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from processes import Child
from support import SANITIZED

import rheap
from rheap.names import folder

SOMEBODY, SOMEBODY_ELSE = 54321, 54322  # users
PR_SET_DUMPABLE = 4

root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


def in_namespace(options, setup, code):
    """What a program of its own printed: `code`, in namespaces of its own after `setup`."""
    if SANITIZED:
        pytest.skip("the sanitizers would run in each program there")
    command = ["unshare", *options, "sh", "-c", f'{setup}\nexec "$0" -c "$1"', sys.executable]
    try:
        probe = subprocess.run(
            ["unshare", *options, "sh", "-c", setup], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if probe.returncode != 0:
        pytest.skip(f"this user gets no namespaces: {probe.stderr.strip()}")
    done = subprocess.run(
        [*command, f"import os, rheap, subprocess, sys\n{code}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_a_record_fits_on_a_full_file_system():
    said = in_namespace(
        ["--mount"],
        "mount -t tmpfs -o size=16k none /dev/shm && "
        "! dd if=/dev/zero of=/dev/shm/all bs=1k count=17 2> /dev/null",
        "heap = rheap.SharedHeap('1 MiB', name='full')\n"
        "heap['front'] = heap.alloc(100_000)\n"
        "print(os.statvfs('/dev/shm').f_bfree)\n"
        'other = \'import rheap; print(rheap.SharedHeap.attach("full")["front"].size)\'\n'
        "sys.stdout.flush()\n"
        "subprocess.run([sys.executable, '-c', other], check=True)",
    )
    assert said == ["0", "100000"]


REFUSED = """
try: rheap.SharedHeap('1 MiB', name='full')
except OSError as error: print(error.errno)
print(*(left for root in os.scandir('/dev/shm') for left in os.listdir(root)))
open_files = [f'/proc/self/fd/{file}' for file in range(20)]
print(*(file for file in open_files if os.path.lexists(file) and 'memfd:' in os.readlink(file)))
"""


@pytest.mark.parametrize("inodes", [1, 2, 3])
def test_a_file_system_without_inodes_is_an_error_that_leaves_nothing(inodes):
    said = in_namespace(
        ["--mount"],
        f"mount -t tmpfs -o nr_inodes={inodes} none /dev/shm",
        REFUSED,
    )
    assert said == [str(errno.ENOSPC), "", ""]


def test_without_proc_the_error_says_so():
    said = in_namespace(
        ["--mount"],
        "mount -t tmpfs none /proc",
        "for make in (lambda: rheap.SharedHeap('1 MiB', name='no proc'),\n"
        "             lambda: rheap.SharedHeap.attach('no proc', timeout=60)):\n"
        "    try: make()\n"
        "    except FileNotFoundError as error: print('/proc' in str(error))\n"
        "    except OSError as error: print('/proc' in str(error))\n",
    )
    assert said == ["True", "True"]


def test_the_proc_of_another_container_is_not_believed():
    said = in_namespace(
        ["--pid", "--fork"],
        ":",
        "print(len(rheap.SharedHeap('1 MiB').processes()))\n"
        "try: rheap.SharedHeap('1 MiB', name='stranger')\n"
        "except OSError as error: print(error)",
    )
    assert said[0] == "1"
    assert "need /proc" in said[1]


def test_a_container_has_names_of_its_own_and_harms_none_of_ours():
    name = f"test {uuid.uuid4()}"
    with rheap.SharedHeap("1 MiB", name=name) as heap:
        said = in_namespace(
            ["--pid", "--fork", "--mount-proc"],
            ":",
            f"try: rheap.SharedHeap.attach({name!r})\n"
            "except FileNotFoundError: print('none')\n"
            f"with rheap.SharedHeap('2 MiB', name={name!r}) as heap:\n"
            f"    print(rheap.SharedHeap.attach({name!r}) is heap)\n"
            "from rheap import names\n"
            "print(names.listed())\n"
            "from rheap.names import folder\n"
            "os.rmdir(folder._root())",
        )
        assert said == ["none", "True", "[]"]
        assert rheap.SharedHeap.attach(name) is heap


@pytest.fixture
def name():
    """Of a heap of somebody's; what is left of it goes away."""
    name = f"test {uuid.uuid4()}"
    yield name
    place = place_of(SOMEBODY, name)
    if place.exists():
        for record in place.iterdir():
            record.unlink()
        place.rmdir()
    with contextlib.suppress(OSError):  # others have names there
        place.parent.rmdir()


def place_of(user, name):
    root = folder._root().replace(f"-{os.getuid()}-", f"-{user}-")
    return Path(root, name)


def become(user, *, dumpable):
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    assert ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, int(dumpable)) == 0


def owner_of(name, *, dumpable):
    """A process of somebody's that has a heap of that name. It changed its user id, so others may
    not look into it, unless it lets them."""

    def own(pipe):
        become(SOMEBODY, dumpable=dumpable)
        heap = rheap.SharedHeap("1 MiB", name=name)
        heap["x"] = heap.alloc(5)
        pipe.send("made")
        pipe.recv()

    return Child(own)


def attempt(user, action):
    """What a process of that user got from `action()`: its error, or its result."""

    def work(pipe):
        become(user, dumpable=True)
        try:
            pipe.send(action())
        except Exception as error:
            pipe.send(error)

    with Child(work) as child:
        return child.receive()


@root_only
def test_processes_of_one_user_find_each_other_and_no_other_user_does(name):
    with owner_of(name, dumpable=True) as owner:
        owner.receive()
        assert attempt(SOMEBODY, lambda: rheap.SharedHeap.attach(name)["x"].size) == 5
        found = attempt(SOMEBODY_ELSE, lambda: rheap.SharedHeap.attach(name))
        assert isinstance(found, FileNotFoundError)
        with pytest.raises(FileNotFoundError):
            rheap.SharedHeap.attach(name)
        place = place_of(SOMEBODY, name)
        pid, descriptor, *_ = os.readlink(place / str(owner.pid)).split(":")
        segment = f"/proc/{pid}/fd/{descriptor}"
        for path in (place.parent, place):
            assert isinstance(attempt(SOMEBODY_ELSE, lambda path=path: os.listdir(path)), OSError)
        assert isinstance(attempt(SOMEBODY_ELSE, lambda: os.open(segment, os.O_RDWR)), OSError)
        owner.send("end")


@root_only
def test_a_process_that_changed_its_user_is_named_and_can_pass_its_descriptor(name):
    with owner_of(name, dumpable=False) as owner:
        owner.receive()
        refused = attempt(SOMEBODY, lambda: rheap.SharedHeap.attach(name))
        assert isinstance(refused, PermissionError)
        assert "fd=" in str(refused)
        refused = attempt(SOMEBODY, lambda: rheap.SharedHeap("1 MiB", name=name))
        assert isinstance(refused, FileExistsError)
        owner.send("end")
    assert attempt(SOMEBODY, lambda: rheap.SharedHeap("1 MiB", name=name).name) == name


@root_only
def test_a_process_that_changes_its_user_keeps_its_heap_and_can_close_it(name):
    def work(pipe):
        with rheap.SharedHeap("1 MiB", name=name) as heap:
            block = heap.alloc(5)
            become(SOMEBODY, dumpable=False)
            pipe.send(block.size)
            pipe.recv()
            heap.check()

    with Child(work) as child:
        assert child.receive() == 5
        child.send("end")
    with pytest.raises(FileNotFoundError):
        rheap.SharedHeap.attach(name)
