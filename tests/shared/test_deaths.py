"""Processes that die, in whatever way: what they alone had returns, all else stays."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from processes import SECONDS, Child, assert_nothing_left, fork, is_readable, wait_until_dead
from support import in_child

import rheap


@pytest.fixture
def heap():
    with rheap.SharedHeap("1 MiB") as heap:
        yield heap
        assert_nothing_left(heap)


def have_and_pause(heap):
    """A child's work: it has a block and an array of its own, and waits for its end."""

    def work(pipe):
        block, array = heap.alloc(100), heap.array(100, "u1")
        pipe.send("has them")
        pipe.recv()
        del block, array

    return work


def pids(heap):
    return [process.pid for process in heap.processes()]


def test_what_a_killed_one_had_returns(heap):
    with Child(have_and_pause(heap)) as child:
        child.receive()
        assert heap.stats().live_blocks == 2
        assert pids(heap) == [os.getpid(), child.pid]
        child.kill()
        assert heap.reap() == 1
        assert heap.reap() == 0
        assert heap.stats().live_blocks == 0
        assert pids(heap) == [os.getpid()]


def test_a_zombie_is_dead(heap):
    with Child(have_and_pause(heap)) as child:
        child.receive()
        os.kill(child.pid, signal.SIGKILL)
        wait_until_dead(child.pid)
        assert pids(heap) == [os.getpid()]
        assert heap.stats().live_blocks == 0
        assert child.wait() == -signal.SIGKILL


def test_a_stopped_one_is_alive(heap):
    with Child(have_and_pause(heap)) as child:
        child.receive()
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert heap.reap() == 0
        assert heap.stats().live_blocks == 2
        os.kill(child.pid, signal.SIGCONT)
        child.send("end")


@pytest.mark.parametrize("way", ["_exit", "exit", "abort"])
def test_each_end_of_a_process_is_one(heap, way):
    def work(pipe):
        kept = heap.alloc(100)
        if way == "_exit":
            os._exit(3)
        if way == "abort":
            signal.signal(signal.SIGABRT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGABRT)
        os.execv("/bin/sh", ["sh", "-c", "exit 3"])
        del kept

    with Child(work) as child:
        assert child.wait() in (3, -signal.SIGABRT)
    assert heap.reap() == 1
    assert heap.stats().live_blocks == 0


def test_nothing_is_kept_over_exec(heap):
    inherited = heap.alloc(10)
    script = """
import os, sys
fds = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if
       os.path.exists(f"/proc/self/fd/{fd}")]
maps = open("/proc/self/maps").read()
print("rheap" in maps.replace(sys.prefix, ""), any("memfd" in fd for fd in fds), flush=True)
sys.stdin.read()
"""
    to_child, from_child = os.pipe(), os.pipe()

    def work(pipe):
        assert heap.alloc(20).size == 20
        os.dup2(to_child[0], 0)
        os.dup2(from_child[1], 1)
        os.close(to_child[1])
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", script])

    with Child(work) as child:
        os.close(to_child[0])
        os.close(from_child[1])
        assert is_readable(from_child[0])
        assert os.read(from_child[0], 100) == b"False False\n"
        assert pids(heap) == [os.getpid()]  # although that process lives
        assert heap.stats().live_blocks == 1
        os.kill(child.pid, 0)
        os.close(to_child[1])
    os.close(from_child[0])
    assert inherited.size == 10


def test_a_subprocess_leaves_nothing_behind(heap):
    kept = heap.alloc(10)
    subprocess.run(["true"], check=True, timeout=SECONDS)
    subprocess.run(["true"], check=True, timeout=SECONDS, preexec_fn=lambda: None)
    assert pids(heap) == [os.getpid()]
    kept.free()
    assert heap.stats().live_blocks == 0


def test_one_that_closed_all_its_descriptors_is_alive(heap):
    """What programs do that become daemons."""
    array = heap.array(1000, "u1", zero=True)

    def daemon(pipe):
        if fork():
            os._exit(0)
        os.setsid()
        kept = pipe.fileno()
        os.closerange(0, kept)
        os.closerange(kept + 1, 1000)
        mine = heap.array(1000, "u1")
        mine[:] = 7
        pipe.send(os.getpid())
        pipe.recv()
        array[:] = 5
        large = heap.alloc(300_000)  # memory that nobody asked for before
        large[:] = b"L" * 300_000
        ticket = heap.ticket(mine)
        large.free()
        heap.check()
        del mine
        pipe.send((ticket, heap.reap()))
        pipe.recv()

    with Child(daemon) as child:
        pid = child.receive()
        assert child.wait() == 0
        assert sorted(pids(heap)) == sorted([os.getpid(), pid])
        assert heap.reap() == 0
        assert heap.stats().live_blocks == 2
        child.send("work")
        ticket, reaped = child.receive()
        assert reaped == 0
        assert array.tolist() == [5] * 1000
        got = heap.redeem(ticket)
        assert got.tolist() == [7] * 1000
        os.kill(pid, signal.SIGKILL)
        assert child.pipe.poll(SECONDS)  # its end of the pipe is closed: it is gone
        wait_for_burial(heap)
        assert got.tolist() == [7] * 1000
    assert heap.stats().live_blocks == 2


def wait_for_burial(heap, seconds=SECONDS):
    """The system closes descriptors of a dying process first, and its mappings with it."""
    deadline = time.monotonic() + seconds
    while len(heap.processes()) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.001)


# --- tickets --------------------------------------------------------------------------------------


def test_tickets_of_a_killed_one_can_be_claimed(heap):
    def work(pipe):
        for number in range(3):
            array = heap.array(100, "i4")
            array[:] = number
            pipe.send(heap.ticket(array))
        pipe.send(array)
        signal.pause()

    with Child(work) as child:
        tickets = [child.receive() for _ in range(3)]
        assert child.pipe.poll(SECONDS)
        child.kill()
        assert heap.reap() == 1
        assert [(info.sender, info.pid) for info in heap.tickets()] == [("died", None)] * 4
        for number, ticket in enumerate(tickets):
            assert heap.redeem(ticket).tolist() == [number] * 100
        assert heap.stats().live_blocks == 1
        assert child.receive().tolist() == [2] * 100
    assert heap.stats().live_blocks == 0


def test_a_receiver_killed_before_it_claims_leaves_the_ticket_to_the_sender(heap):
    with Child(lambda pipe: signal.pause()) as child:
        array = heap.array(100, "u1")
        array[:] = 3
        child.send(array)
        del array
        child.kill()
        heap.reap()
        assert [(info.sender, info.pid, info.size) for info in heap.tickets()] == [
            ("alive", os.getpid(), 100)
        ]
        assert heap.stats().live_blocks == 1
        assert heap.recall(dead=True) == 0
        assert heap.recall() == 1
        assert heap.stats().live_blocks == 0


def test_what_a_receiver_claimed_goes_with_it(heap):
    def work(pipe):
        array = pipe.recv()
        pipe.send(int(array.sum()))
        signal.pause()

    with Child(work) as child:
        array = heap.array(100, "u1")
        array[:] = 3
        child.send(array)
        del array
        assert child.receive() == 300
        assert heap.tickets() == []
        assert heap.stats().live_blocks == 1
        child.kill()
        assert heap.reap() == 1
        assert heap.stats().live_blocks == 0


def test_a_block_that_others_have_survives_each_of_them(heap):
    array = heap.array(100, "u1")
    array[:] = 9

    def work(pipe):
        pipe.send("has it")
        signal.pause()

    children = [Child(work) for _ in range(4)]
    for child in children:
        child.receive()
    assert len(heap.blocks()[0].pids) == 5
    ticket = heap.ticket(array)
    del array
    for left, child in enumerate(reversed(children)):
        child.kill()
        heap.reap()
        assert len(heap.blocks()[0].pids) == 3 - left
        child.__exit__(None, None, None)
    array = heap.redeem(ticket)
    assert array.tolist() == [9] * 100


def test_tickets_of_the_dead_are_taken_back_when_asked(heap):
    def work(pipe):
        for _ in range(5):
            heap.ticket(heap.alloc(10))
        os._exit(0)

    with Child(work):
        pass
    kept = heap.alloc(8)
    ticket = heap.ticket(kept)
    assert heap.recall(dead=True) == 5  # buries first
    assert len(heap.tickets()) == 1
    assert heap.redeem(ticket).size == 8


# --- the owner ------------------------------------------------------------------------------------


def test_the_others_go_on_when_the_creator_is_killed():
    def creator(pipe):
        heap = rheap.SharedHeap("1 MiB")
        array = heap.array(100, "i4")
        array[:] = range(100)
        pipe.send(heap)
        pipe.send(array)
        signal.pause()

    with Child(creator) as child:
        heap = child.receive()
        array = child.receive()
        assert child.pid in pids(heap)
        child.kill()
        assert pids(heap) == [os.getpid()]
        assert array.tolist() == list(range(100))
        more = heap.array(1000, "f8")
        in_child(lambda: more.fill(2.5))
        assert (more == 2.5).all()
        array = more = None
        assert_nothing_left(heap)
        heap.close()


def test_a_kill_in_the_middle_of_work_leaves_the_heap_whole(heap):
    """The child allocates, frees, sends and takes back all the time."""

    def work(pipe):
        pipe.send("begins")
        blocks = []
        while True:
            blocks.append(heap.alloc(50 + 7 * len(blocks)))
            heap.redeem(heap.ticket(blocks[-1]))
            if len(blocks) == 50:
                blocks = blocks[25:]
                heap.ticket(blocks[-1])

    array = heap.array(1000, "u1")
    array[:] = 1
    for _ in range(10):
        with Child(work) as child:
            child.receive()
            heap.alloc(8).free()
            child.kill()
        assert heap.alloc(8).size == 8
        heap.check()
        heap.reap()
        heap.recall(dead=True)
        assert heap.stats().live_blocks == 1
    assert np.all(array == 1)
