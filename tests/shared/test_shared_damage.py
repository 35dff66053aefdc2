"""A wild write into a shared heap: all of its processes come to know, and none of them crashes."""

import contextlib
import mmap
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from damaging import damage
from processes import Child, fork
from support import in_child, rounds

import rheap

TRIALS = int(os.environ.get("RHEAP_DAMAGED_TABLES", rounds(1000)))


def test_all_processes_come_to_know():
    heap = rheap.SharedHeap("1 MiB")
    array = heap.array(100, "u1")
    array[:] = 3
    victim = heap.alloc(8)
    descriptor = os.dup(heap.fileno())

    def work(pipe):
        damage(victim)
        pipe.send("damaged")
        pipe.recv()
        for call in (lambda: heap.alloc(8), heap.check, heap.processes, heap.stats, heap.tickets):
            with pytest.raises(rheap.HeapCorruption) as caught:
                call()
            assert caught.value.offset == place
        assert array.tolist() == [3] * 100
        array[:] = 4
        pipe.send("knows")

    place = victim.offset - 8
    with Child(work) as child:
        child.receive()
        with pytest.raises(rheap.HeapCorruption) as caught:
            heap.check()
        assert caught.value.offset == place
        child.send("look")
        child.receive()
        child.end()
    assert array.tolist() == [4] * 100
    with pytest.raises(rheap.HeapCorruption):
        heap.ticket(array)

    def attach():
        heap.close()
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(rheap.HeapCorruption):
            rheap.SharedHeap.attach(fd=descriptor)
        assert len(os.listdir("/proc/self/fd")) == before

    in_child(attach)
    os.close(descriptor)
    heap.close()
    assert array.tolist() == [4] * 100


def test_an_overrun_in_a_debug_heap_is_found_by_another_process():
    heap = rheap.SharedHeap("1 MiB", debug=True)
    block = heap.alloc(20)
    ticket = heap.ticket(block)

    def work(pipe):
        import ctypes

        mine = heap.redeem(ticket)
        ctypes.memset(mine.address + 20, 0x41, 4)
        os._exit(0)

    with Child(work):
        pass
    with pytest.raises(rheap.HeapCorruption, match="fence"):
        heap.check()


class Trial:
    """Random bytes in the tables of a heap, and everything that can be done with it afterwards."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.heap = heap = rheap.SharedHeap("64 KiB", objects=64, debug=seed % 7 == 0)
        self.blocks = [heap.alloc(self.random.choice([0, 8, 100, 2000])) for _ in range(12)]
        self.tickets = [heap.ticket(self.random.choice(self.blocks)) for _ in range(8)]
        self.tickets += [heap.ticket(heap.array(3)) for _ in range(3)]
        for name in "abcdef":
            heap[name] = heap.array(2)
        if self.random.random() < 0.2:  # somebody died
            pid = fork()
            if pid == 0:
                heap.ticket(self.blocks[0])
                kept = heap.alloc(50)
                os._exit(len(kept) - 50)
            os.waitpid(pid, 0)
        self.memory = mmap.mmap(heap.fileno(), os.fstat(heap.fileno()).st_size)
        self.places = self.find_places()

    def find_places(self):
        """(first, bytes) of each table; of the header what is behind the lock."""

        def pages(count):
            return -(-count // 4096) * 4096

        windows = -(-(rheap._core.FIRST_BLOCK + self.heap.capacity) // 65536)
        presence = windows * 65536 + 4096
        slots = presence + pages(-(-windows // 64) * 8)
        objects = slots + 1024 * 64
        tickets = objects + pages(64 * 32)
        names = tickets + pages(64 * 32)
        buckets = names + pages(64 * 32)
        rows = buckets + pages(64 * 4)
        assert rows + 1024 * 4096 == len(self.memory)
        header = self.memory.find(self.heap._id.to_bytes(8, "little"), 0, 4096) - 8
        return [
            (header, 8 * 19),
            (slots, 3 * 64),
            (objects, 20 * 32),
            (tickets, 16 * 32),
            (names, 8 * 32),
            (buckets, 64 * 4),
            *[(rows + slot * 4096, size) for slot in (0, 1) for size in (8, 4096)],
        ]

    def damage(self):
        pick = self.random
        first, size = pick.choice(self.places)
        at = first + pick.randrange(0, size, 4)
        old = int.from_bytes(self.memory[at : at + 4], "little")
        value = pick.choice(
            [
                *(0, 1, 2, 15, 16, 63, 64, 65, 1000, 20480, 20488, 65536, (1 << 31), (1 << 32) - 1),
                *(pick.getrandbits(32), pick.getrandbits(8), pick.randrange(20480, 30000, 8)),
                *(old ^ 1 << pick.randrange(32), old + 1 & 0xFFFF_FFFF, old - 1 & 0xFFFF_FFFF),
            ]
        )
        self.memory[at : at + 4] = value.to_bytes(4, "little")

    def work(self):
        heap, pick = self.heap, self.random
        calls = [
            lambda: self.blocks.append(heap.alloc(pick.choice([0, 8, 500]))),
            lambda: self.blocks.append(heap.redeem(pick.choice(self.tickets))),
            lambda: heap.array(5, zero=True).fill(1),
            lambda: self.tickets.append(heap.ticket(self.blocks[-1])),
            lambda: self.blocks.pop(pick.randrange(len(self.blocks))) and None,
            lambda: self.blocks.pop(0).free(),
            lambda: self.blocks[-1].resize(pick.choice([0, 50, 3000])),
            lambda: heap.__setitem__(pick.choice("aghi"), heap.array(3)),
            lambda: heap[pick.choice("abcg")].sum(),
            lambda: heap.__delitem__(pick.choice("abch")),
            lambda: list(heap),
            heap.check,
            heap.processes,
            heap.tickets,
            heap.recall,
            lambda: heap.recall(dead=True),
            heap.reap,
            heap.stats,
            lambda: list(heap.blocks()),
            lambda: heap.map().draw(80),
            heap.defrag,
            heap.trim,
        ]
        with contextlib.suppress(rheap.HeapError, OSError, ValueError, LookupError):
            pick.choice(calls)()

    def run(self):
        for _ in range(self.random.choice([1, 1, 2, 5])):
            self.damage()
        for _ in range(self.random.randrange(5, 40)):
            self.work()
        if self.random.random() < 0.1:
            in_child(self.work)
        self.memory.close()
        self.heap.close()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_random_bytes_in_the_tables_end_no_process(part):
    """Of what a damaged heap says nothing is asked but that it is said, or refused."""
    seed = mmap.mmap(-1, 8)

    def trials():
        sys.unraisablehook = lambda _: None
        signal.alarm(3000)
        for number in range(part * TRIALS // 4, (part + 1) * TRIALS // 4):
            seed[:] = number.to_bytes(8, "little")
            Trial(number).run()

    try:
        in_child(trials)
    except AssertionError as error:
        error.add_note(f"seed {int.from_bytes(seed[:], 'little')}")
        raise


@pytest.mark.parametrize("name", ["None", "'damaged at the exit'"])
def test_a_program_with_a_damaged_heap_ends_without_a_traceback(name):
    code = f"""if 1:
        import rheap
        from damaging import damage
        heap = rheap.SharedHeap("1 MiB", name={name})
        kept = [heap.alloc(8) for _ in range(3)]
        damage(kept[1])
        try:
            heap.check()
        except rheap.HeapCorruption:
            print("known")
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "known\n", "")
