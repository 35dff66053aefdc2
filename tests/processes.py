"""Processes beside the one that tests, and what must be left of a heap that they shared."""

import contextlib
import faulthandler
import gc
import os
import resource
import select
import signal
import time
import traceback
import warnings
from multiprocessing import Pipe

from support import SANITIZED

SECONDS = 300 if SANITIZED else 60
"""After so long whatever is waited for counts as hung."""


def fork():
    """As `os.fork`, which Python 3.12 and later (and JAX) warn of beside threads: a shared heap is
    to be whole in the child all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()


class Child:
    """A forked process that runs `work(pipe)`; its end is `end()` or `kill()`, or that of a `with`.

    `pipe` is the other end here. A child that fails has its words in what `end()` raises.
    """

    def __init__(self, work):
        self.pipe, theirs = Pipe()
        self._words, words = Pipe(duplex=False)
        self.pid = fork()
        if self.pid == 0:
            self.pipe.close()
            self._words.close()
            _run(work, theirs, words)
        theirs.close()
        words.close()
        self.status = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.status is None:
            self.kill() if kind else self.end()
        self.close()

    def close(self):
        self.pipe.close()
        self._words.close()

    def send(self, what):
        self.pipe.send(what)

    def receive(self):
        """What the child sends next."""
        if not self.pipe.poll(SECONDS):
            self.kill()
            raise AssertionError("the child said nothing: it hung")
        try:
            return self.pipe.recv()
        except EOFError:
            self.end()
            raise AssertionError("the child ended too early") from None

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)
        self.wait()

    def wait(self):
        """Its exit code. Until then a child that ended is a zombie."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def end(self):
        """Waits for its good end."""
        code = self.wait()
        words = ""
        with contextlib.suppress(EOFError):
            words = self._words.recv_bytes().decode()
        assert code == 0, f"child ended with {code} (-14: it hung): {words}"


def _run(work, pipe, words):
    code = 1
    try:
        signal.alarm(SECONDS)  # a child that hangs is ended by the system
        work(pipe)
        code = 0
    except BaseException:
        words.send_bytes(traceback.format_exc().encode()[-60_000:])
    finally:
        os._exit(code)


@contextlib.contextmanager
def no_descriptors():
    """None can be opened, and those that are open still work."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def fork_without_descriptors(work):
    """A child for which there is no place in any shared heap."""
    pid = -1
    with no_descriptors():
        pid = fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    with contextlib.suppress(BaseException):
        faulthandler.disable()
        signal.alarm(60)
        work()
        code = 0
    os._exit(code)


def is_readable(descriptor, seconds=SECONDS):
    """Whether there is something to read before time is up."""
    return bool(select.select([descriptor], [], [], seconds)[0])


def wait_until_dead(pid):
    """It stays a zombie."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def wait_until_alone(heap):
    """Others are no children of this process, or not yet gone: it cannot wait for themselves."""
    deadline = time.monotonic() + SECONDS
    while len(heap.processes()) > 1:
        assert time.monotonic() < deadline, heap.processes()
        time.sleep(0.001)


def assert_nothing_left(heap):
    """After tickets are taken back and the dead are buried, the region is one wilderness."""
    gc.collect()
    heap.recall()
    heap.recall(dead=True)
    heap.reap()
    heap.check()
    heap.defrag()
    heap.check()
    assert heap.tickets() == []
    assert heap.stats().live_blocks == 0, list(heap.blocks())[:5]
    assert len(heap.blocks()) == 0
