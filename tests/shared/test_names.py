"""Names of shared heaps: programs that do not know each other find the same heap."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

import rheap
from rheap import names
from rheap.names import folder

SECONDS = 60
ROOT = Path(folder._root())


@pytest.fixture
def name():
    name = f"test {uuid.uuid4()}"
    yield name
    left = ROOT / name
    if left.exists():
        for record in left.iterdir():
            record.unlink()
        left.rmdir()


class Program:
    """A program of its own that runs `code` and then waits to be told to go on."""

    def __init__(self, code, *arguments):
        program = f"import rheap, sys\nname = sys.argv[1]\n{code}\nsys.stdin.read()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def line(self):
        return self._process.stdout.readline().strip()

    def kill(self):
        self._process.kill()
        self._process.wait(SECONDS)

    def end(self):
        assert self._process.communicate("", SECONDS)[0] is not None
        return self._process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.communicate()


CREATE = "heap = rheap.SharedHeap('1 MiB', name=name); print('made', flush=True)"
ATTACH = "heap = rheap.SharedHeap.attach(name, timeout=30); print(heap.capacity, flush=True)"
EITHER = """
while True:
    try:
        heap = rheap.SharedHeap('1 MiB', name=name)
        how = 'made'
        break
    except FileExistsError:
        pass
    try:
        heap = rheap.SharedHeap.attach(name)
        how = 'found'
        break
    except FileNotFoundError:
        pass
print(how, heap._id, flush=True)
"""


def records(name):
    return sorted(path.name for path in (ROOT / name).iterdir())


def test_another_program_finds_the_heap_and_its_blocks(name):
    with rheap.SharedHeap("1 MiB", name=name) as heap:
        assert heap.name == name
        assert repr(name) in repr(heap)
        block = heap.alloc(5)
        block[:] = b"hello"
        ticket = heap.ticket(block)
        code = f"heap = rheap.SharedHeap.attach(name); print(bytes(heap.redeem({ticket!r})[:]))"
        with Program(f"{code}; sys.stdout.flush()", name) as other:
            assert other.line() == "b'hello'"
            assert records(name) == sorted([str(os.getpid()), str(other.pid)])
            assert other.end() == 0
    assert not (ROOT / name).exists()


def test_who_comes_first_waits(name):
    with Program(ATTACH, name) as other, rheap.SharedHeap("1 MiB", name=name):
        assert other.line() == str(1 << 20)
        assert other.end() == 0


def test_a_name_is_one_heap(name):
    with rheap.SharedHeap("1 MiB", name=name) as heap:
        with pytest.raises(FileExistsError, match="a living process has"):
            rheap.SharedHeap("1 MiB", name=name)
        assert rheap.SharedHeap.attach(name) is heap
        with Program(CREATE, name) as other:
            assert other.line() == ""
    with pytest.raises(FileNotFoundError, match="no living process"):
        rheap.SharedHeap.attach(name)
    with pytest.raises(FileNotFoundError):
        rheap.SharedHeap.attach(name, timeout=0.05)


def test_an_owner_that_is_killed_leaves_the_name_to_who_lives(name):
    with Program(CREATE, name) as owner, Program(ATTACH, name) as other:
        assert owner.line() == "made"
        assert other.line() == str(1 << 20)
        owner.kill()
        with pytest.raises(FileExistsError):
            rheap.SharedHeap("1 MiB", name=name)
        heap = rheap.SharedHeap.attach(name)
        assert sorted(process.pid for process in heap.processes()) == sorted(
            [os.getpid(), other.pid]
        )
        heap.close()
        other.kill()
        assert records(name) == sorted([str(owner.pid), str(other.pid)][1:])
    with rheap.SharedHeap("2 MiB", name=name):  # all are gone: the name is free at once
        assert records(name) == [str(os.getpid())]


def test_an_attacher_leaves_and_the_owner_takes_the_name_along(name):
    with Program(CREATE, name) as owner:
        assert owner.line() == "made"
        heap = rheap.SharedHeap.attach(name)
        heap.close()
        assert records(name) == [str(owner.pid)]
        heap = rheap.SharedHeap.attach(name)
        assert owner.end() == 0
        assert rheap.SharedHeap.attach(name) is heap  # it did not close it
        heap.close()
    assert not (ROOT / name).exists()


def test_an_owner_that_closes_takes_the_name_along_though_others_have_the_heap(name):
    heap = rheap.SharedHeap("1 MiB", name=name)
    with Program(ATTACH, name) as other:
        assert other.line() == str(1 << 20)
        heap.close()
        with pytest.raises(FileNotFoundError):
            rheap.SharedHeap.attach(name)
        with rheap.SharedHeap("2 MiB", name=name) as another:
            assert rheap.SharedHeap.attach(name) is another
        assert other.end() == 0


def find_and_close(name):
    os.close(names.find(name, 0))


def test_a_change_waits_for_one_that_is_under_way(name):
    with rheap.SharedHeap("1 MiB", name=name):
        held = os.open(ROOT / name, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(target=find_and_close, args=(name,))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        os.close(held)
        waiting.join(SECONDS)
        assert not waiting.is_alive()


def test_who_keeps_a_folder_locked_is_named(name, monkeypatch):
    monkeypatch.setattr(folder, "_PATIENCE", 0.1)
    with rheap.SharedHeap("1 MiB", name=name) as heap:
        held = os.open(ROOT / name, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        for change in (
            lambda: rheap.SharedHeap("1 MiB", name=name),
            lambda: rheap.SharedHeap.attach(name, timeout=SECONDS),
            heap.unlink,
        ):
            with pytest.raises(rheap.HeapBusy) as caught:
                change()
            assert caught.value.pid == os.getpid()
        os.close(held)
        assert rheap.SharedHeap.attach(name) is heap


def test_a_name_that_is_unlinked_can_be_another_heaps(name):
    one = rheap.SharedHeap("1 MiB", name=name)
    one.unlink()
    assert one.name is None
    assert not one.closed
    with pytest.raises(FileNotFoundError, match="no name"):
        one.unlink()
    two = rheap.SharedHeap("1 MiB", name=name)
    assert rheap.SharedHeap.attach(name) is two
    one.close()
    assert rheap.SharedHeap.attach(name) is two
    two.close()


def test_a_forked_child_has_the_name_too(name):
    with Program(
        "import os\n"
        "heap = rheap.SharedHeap('1 MiB', name=name)\n"
        "child = os.fork()\n"
        "if child: print('made', child, flush=True); os.kill(os.getpid(), 9)\n",
        name,
    ) as program:
        _, child = program.line().split()
        try:
            program._process.wait(SECONDS)
            heap = rheap.SharedHeap.attach(name, timeout=SECONDS)
            assert int(child) in [process.pid for process in heap.processes()]
            heap.close()
        finally:
            os.kill(int(child), signal.SIGKILL)


def start_both(name):
    with Program(EITHER, name) as one, Program(EITHER, name) as two:
        (how, heap), (other, same) = one.line().split(), two.line().split()
        assert {how, other} == {"made", "found"}
        assert heap == same
        one.kill()  # in the middle of whatever, the next round begins


def test_of_two_that_start_at_once_one_makes_it_and_one_finds_it(name):
    for _ in range(3):
        start_both(name)


@pytest.mark.slow
def test_of_two_that_start_at_once_again_and_again(name):
    for _ in range(int(os.environ.get("RHEAP_STARTS", "50"))):
        start_both(name)


def test_what_is_left_over_is_no_heap(name):
    place = ROOT / name
    with rheap.SharedHeap("1 MiB", name=name) as heap:
        alive = os.readlink(place / str(os.getpid()))
    place.mkdir()
    nobody = 2**22 + 7
    left = {
        str(os.getpid()): f"{os.getpid()}:0:{heap._id:016x}:0",  # a descriptor of something else
        "1": "1:0:0:12",
        str(nobody): f"{nobody}:3:{heap._id:016x}:0:owner",
        "2": "nonsense",
        "3": alive,
    }
    for file, target in left.items():
        os.symlink(target, place / file)
    (place / "file").write_text("")
    with pytest.raises(FileNotFoundError):
        rheap.SharedHeap.attach(name)
    with rheap.SharedHeap("1 MiB", name=name):
        # Of dead processes nothing is left; what is no record may be somebody's.
        assert records(name) == sorted([str(os.getpid()), "2", "3", "file"])


@pytest.mark.parametrize(
    "bad", ["", ".", "..", "../x", "a/b", "\0", "a\0b", "x" * 10_240, "ä" * 101, "\ud800"]
)
def test_names_that_no_file_can_have(bad):
    for use in (lambda: rheap.SharedHeap("1 MiB", name=bad), lambda: rheap.SharedHeap.attach(bad)):
        with pytest.raises(ValueError, match="name must be"):
            use()


@pytest.mark.parametrize("odd", [" ", "\n", "\x1b[31m", "-rf", "~", "ä" * 100, "\udcff", "*"])
def test_odd_names_are_kept_exactly(odd):
    with rheap.SharedHeap("1 MiB", name=odd) as heap:
        assert os.fsencode(odd) in os.listdir(os.fsencode(ROOT))
        assert rheap.SharedHeap.attach(odd) is heap
        assert "\n" not in repr(heap)
        assert "\x1b" not in repr(heap)


@pytest.mark.parametrize("wrong", [b"name", 3, Path("name")])
def test_a_name_is_a_str(wrong):
    with pytest.raises(TypeError, match="name must be a str"):
        rheap.SharedHeap("1 MiB", name=wrong)


def test_attach_takes_one_of_both(name):
    with rheap.SharedHeap("1 MiB", name=name) as heap:
        for arguments, options in (((), {}), ((name,), {"fd": heap.fileno()})):
            with pytest.raises(TypeError, match="a name, or fd="):
                rheap.SharedHeap.attach(*arguments, **options)


def test_a_folder_that_others_can_write_to_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_SHARED_MEMORY", str(tmp_path))
    root = Path(folder._root())
    root.mkdir()
    root.chmod(0o777)
    with pytest.raises(PermissionError, match="alone"):
        rheap.SharedHeap("1 MiB", name=name)
    root.chmod(0o700)
    if os.getuid() == 0:  # only root can make a folder somebody else's
        os.chown(root, 12345, 12345)
        with pytest.raises(PermissionError, match="alone"):
            rheap.SharedHeap("1 MiB", name=name)
    root.rmdir()
    root.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="alone"):
        rheap.SharedHeap.attach(name)


# --- what others put there ------------------------------------------------------------------------


def test_what_is_no_record_is_left_alone_and_in_nobodys_way(name):
    with rheap.SharedHeap("1 MiB", name=name):
        stray_names = ROOT / f"{name} stray", ROOT / f"{name} dangling"
        stray_names[0].write_text("nobody's name")
        stray_names[1].symlink_to("nowhere")
        folder = ROOT / name
        strays = folder / "notes.txt", folder / "1", folder / "link"
        strays[0].write_text("keep me")
        strays[1].write_text("no link")
        strays[2].symlink_to("1:2:3:4")
        try:
            assert name in names.listed()
            found = rheap.SharedHeap.attach(name)
            assert found.name == name
            done = subprocess.run(
                [sys.executable, "-m", "rheap", "shm"], capture_output=True, text=True, check=True
            )
            assert name in done.stdout
            assert all(os.path.lexists(stray) for stray in (*strays, *stray_names))
        finally:
            for stray in (*strays, *stray_names):
                stray.unlink(missing_ok=True)


def test_a_folder_with_strays_alone_is_no_name_and_can_become_one(name):
    folder = ROOT / name
    rheap.SharedHeap("1 MiB", name=name).close()
    folder.mkdir(mode=0o700)
    stray = folder / "stray"
    stray.write_text("keep me")
    try:
        assert name not in names.listed()
        with rheap.SharedHeap("1 MiB", name=name):
            assert name in names.listed()
        assert stray.read_text() == "keep me"
    finally:
        stray.unlink()
        folder.rmdir()


def test_a_draft_that_a_dead_process_left_is_removed(name):
    with rheap.SharedHeap("1 MiB", name=name):
        draft = ROOT / name / ".999999999"
        draft.symlink_to("999999999:3:00000000000000ff:5")
        assert name in names.listed()
        assert not os.path.lexists(draft)
