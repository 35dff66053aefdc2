"""What a shared heap says of itself: its processes, its tickets, who has which block."""

import os
import time

import pytest
from processes import Child, assert_nothing_left

import rheap


@pytest.fixture
def heap():
    with rheap.SharedHeap("1 MiB") as heap:
        yield heap
        assert_nothing_left(heap)


def test_a_heap_alone():
    before = time.time()
    heap = rheap.SharedHeap("1 MiB")
    (process,) = heap.processes()
    assert process == (os.getpid(), process.since, 0, 0, 0, False)
    assert type(process) is rheap.ProcessInfo
    assert before <= process.since <= time.time()
    assert (heap.tickets(), heap.recall(), heap.recall(dead=True), heap.reap()) == ([], 0, 0, 0)


def test_what_each_process_has(heap):
    blocks = [heap.alloc(size) for size in (10, 20, 30)]
    ticket = heap.ticket(blocks[0])

    def work(pipe):
        more = heap.alloc(400)
        pipe.send([heap.ticket(more), heap.ticket(blocks[1])])
        pipe.recv()

    with Child(work) as child:
        tickets = child.receive()
        mine, theirs = heap.processes()
        assert mine._replace(since=0) == (os.getpid(), 0, 3, 60, 1, False)
        assert theirs._replace(since=0) == (child.pid, 0, 4, 460, 2, True)
        assert theirs.since >= mine.since
        heap.redeem(tickets[0])
        assert heap.processes()[1].tickets == 1
        child.send("end")
    assert len(heap.processes()) == 1
    heap.redeem(ticket)
    assert heap.processes()[0].tickets == 0


def test_tickets_oldest_first(heap):
    blocks = [heap.alloc(size) for size in (10, 20, 30)]
    tickets = [heap.ticket(blocks[number]) for number in (2, 0, 1)]
    (first, second, third) = heap.tickets()
    assert type(first) is rheap.TicketInfo
    assert first == ("alive", os.getpid(), blocks[2].offset, 30)
    assert (second.size, third.size) == (10, 20)
    heap.redeem(tickets[1])
    assert [info.size for info in heap.tickets()] == [30, 20]
    heap.ticket(blocks[0])  # in the same record
    assert [info.size for info in heap.tickets()] == [30, 20, 10]


def test_recall_takes_back_what_this_process_sent(heap):
    def work(pipe):
        pipe.send(heap.ticket(heap.alloc(20)))
        pipe.recv()
        assert heap.recall() == 0
        pipe.send("recalled")
        pipe.recv()

    with Child(work) as child:
        theirs = child.receive()
        block = heap.alloc(10)
        mine = [heap.ticket(block) for _ in range(3)]
        assert heap.recall(dead=True) == 0
        assert heap.recall() == 3
        assert heap.recall() == 0
        assert heap.redeem(mine[0]).size == 10  # while anybody has the block
        block.free()
        with pytest.raises(rheap.BlockGone):
            heap.redeem(mine[1])
        assert heap.redeem(theirs).size == 20
        child.send("recall")
        child.receive()
        child.send("end")


def test_blocks_say_which_processes_have_them(heap):
    first = heap.alloc(10)

    def work(pipe):
        second = heap.alloc(20)
        flying = heap.alloc(30)
        ticket = heap.ticket(flying)
        del flying
        pipe.send(ticket)
        pipe.recv()
        del second

    with Child(work) as child:
        child.receive()
        infos = {
            info.size: info for info in heap.blocks() if info.state is not rheap.BlockState.FREE
        }
        assert infos[10].pids == (os.getpid(), child.pid)
        assert infos[20].pids == (child.pid,)
        assert infos[30].pids == ()
        assert infos[10].state == rheap.BlockState.LIVE
        child.send("end")
    assert first.size == 10


def test_the_map_is_that_of_all_processes(heap):
    mine = heap.alloc(100)

    def work(pipe):
        theirs = heap.alloc(5000)
        pipe.send(heap.map().draw(80))
        pipe.recv()
        del theirs

    with Child(work) as child:
        there = child.receive()
        assert heap.map().draw(80) == there
        assert heap.stats().live_bytes == 104 + 5000
        assert heap.stats().live_blocks == 2
        child.send("end")
    assert mine.size == 100


def test_stats_count_every_process(heap):
    before = heap.stats().allocations

    def work(pipe):
        for _ in range(10):
            heap.alloc(8)

    with Child(work):
        pass
    assert heap.stats().allocations == before + 10


def test_private_heaps_have_no_pids():
    heap = rheap.Heap("1 MiB")
    kept = heap.alloc(8)
    assert heap.blocks()[0].pids is None
    assert kept.size == 8


def test_leaks_are_those_of_this_process():
    heap = rheap.SharedHeap("1 MiB", debug=True)
    mine = heap.alloc(100)

    def work(pipe):
        theirs = [heap.alloc(1000) for _ in range(3)]
        (most, least) = heap.leaks()
        pipe.send(((most.bytes, most.blocks), (least.bytes, least.blocks)))
        pipe.recv()
        del theirs

    with Child(work) as child:
        assert child.receive() == ((3000, 3), (100, 1))
        assert [(holder.bytes, holder.blocks) for holder in heap.leaks()] == [(100, 1)]
        child.send("end")
    heap.reap()
    assert heap.stats().live_blocks == 1
    assert mine.size == 100
