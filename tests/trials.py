"""Random lives of a heap that is damaged on the way.

Run as a process of its own: `python trials.py AREA COALESCE DEBUG FIRST COUNT`.
"""

import contextlib
import faulthandler
import random
import sys

import pytest
from damaging import WORD, base_of, read_word, write_bytes, write_word
from support import SANITIZED

import rheap

SECONDS_A_SEED = 300 if SANITIZED else 30


class Trial:
    """One heap, one random life of it, some damage, and what must hold afterwards."""

    def __init__(self, seed, area, coalesce, debug):
        self.random = random.Random(f"{seed} {area} {coalesce} {debug}")
        self.area = area
        capacity = self.random.choice([4096, 1 << 14, 1 << 16, 1 << 20])
        policy = self.random.choice(["segregated", "segregated", "first", "next", "best"])
        self.heap = rheap.Heap(capacity, coalesce=coalesce, policy=policy, debug=debug)
        self.origin = self.heap.map().spans[0].start
        self.anchor = self.heap.alloc(8)  # never freed; its address becomes known
        self.base = base_of(self.anchor)
        self.blocks = [self.anchor]
        self.contents = [self.anchor[:]]
        self.unraisable = []
        self.damaged = False

    def run(self):
        sys.unraisablehook = lambda info: self.unraisable.append(info.exc_value)
        for _ in range(self.random.randrange(20, 150)):
            self.work()
        self.heap.check()
        assert not self.unraisable
        for _ in range(self.random.choice([1, 1, 1, 2, 5])):
            self.damage()
        # What was written into a block is its content now.
        self.contents = [block[:] for block in self.blocks]
        with contextlib.suppress(rheap.HeapCorruption):
            for _ in range(self.random.randrange(10, 120)):
                self.work()
                if self.unraisable:
                    break
            if self.random.random() < 0.7 and not self.unraisable:
                self.heap.check()
                return self.end()
            if not self.unraisable:
                return self.end()
        self.damaged = True
        self.refuses()
        return self.end()

    def work(self):
        pick = self.random
        kind = pick.choices(
            ["alloc", "free", "drop", "resize", "report", "defrag", "trim", "check"],
            [40, 20, 15, 12, 3, 2, 1, 1],
        )[0]
        if kind == "alloc":
            self.alloc(pick.choice([0, 1, 8, 24, 24, 40, 100, 600, 1500, pick.randrange(5000)]))
        elif kind in ("free", "drop", "resize") and len(self.blocks) > 1:
            at = pick.randrange(1, len(self.blocks))
            assert self.whole(at)
            if kind == "resize":
                self.resize(at, pick.choice([0, 24, 100, 300, pick.randrange(4000)]))
            else:
                block = self.blocks.pop(at)
                del self.contents[at]
                if kind == "free":
                    block.free()
        elif kind == "report":
            stats = self.heap.stats()
            list(self.heap.blocks())
            self.heap.map().draw(80)
            if self.area == "blocks":
                assert stats.live_blocks == len(self.blocks)
        elif kind == "defrag":
            self.heap.defrag()
        elif kind == "trim":
            self.heap.trim()
        elif kind == "check":
            self.heap.check()

    def alloc(self, size):
        zero = self.random.random() < 0.2
        align = self.random.choice([8, 8, 8, 64, 4096])
        try:
            block = self.heap.alloc(size, align=align, zero=zero)
        except rheap.HeapExhausted:
            return
        assert not zero or block[:] == bytes(size)
        block[:] = self.random.randbytes(size)
        self.blocks.append(block)
        self.contents.append(block[:])

    def resize(self, at, size):
        kept = self.contents[at][:size]
        try:
            self.blocks[at].resize(size)
        except rheap.HeapExhausted:
            return
        except rheap.HeapCorruption:
            # What becomes of this one block then, the directed tests say.
            self.contents[at] = self.blocks[at][:]
            raise
        assert self.blocks[at][: len(kept)] == kept
        self.contents[at] = self.blocks[at][:]

    def damage(self):
        pick = self.random
        if self.area == "header":
            write_word(self.base, pick.randrange(self.origin // WORD) * WORD, self.value(0))
            return
        infos = list(self.heap_blocks)
        end = infos[-1][1]
        places = [
            pick.randrange(self.origin, end, WORD),
            *(pick.choice(infos)[0] for _ in range(2)),  # a word
            *(pick.choice(infos)[0] + WORD for _ in range(2)),  # a next link, if it is free
            *(pick.choice(infos)[0] + 2 * WORD for _ in range(2)),  # a previous link
            *(pick.choice(infos)[1] - WORD for _ in range(2)),  # a footer
        ]
        place = pick.choice(places)
        if pick.random() < 0.2:  # any bytes, any length
            start = pick.randrange(self.origin, end)
            data = pick.randbytes(min(pick.randrange(1, 200), end - start))
            write_bytes(self.base + start, data)
        else:
            write_word(self.base, place, self.value(read_word(self.base, place)))

    @property
    def heap_blocks(self):
        """(start, end) of each block, its word included, from the map of the sound heap."""
        if not hasattr(self, "_bounds"):
            spans = self.heap.map().spans
            starts = [span.start for span in spans if span.kind == "word"]
            last = next((span.start for span in spans if span.kind == "wilderness"), spans[-1].end)
            self._bounds = list(zip(starts, [*starts[1:], last], strict=True))
        return self._bounds

    def value(self, old):
        pick = self.random
        start, end = pick.choice(self.heap_blocks)
        return pick.choice(
            [
                pick.getrandbits(64),
                pick.getrandbits(64) & ~7,
                pick.randrange(1 << 40),
                pick.randrange(1 << 34) & ~7,
                0,
                (1 << 64) - 1,
                old ^ 1 << pick.randrange(64),
                old ^ 1 << pick.randrange(6),
                start,
                start | 1,
                end - start,
                end,
                read_word(self.base, start),
            ]
        )

    def whole(self, at):
        return self.blocks[at][:] == self.contents[at]

    def refuses(self):
        heap = self.heap
        calls = [
            lambda: heap.alloc(8),
            heap.defrag,
            heap.trim,
            heap.check,
            heap.stats,
            heap.blocks,
            heap.map,
            lambda: self.blocks[-1].resize(100) if len(self.blocks) > 1 else heap.check(),
        ]
        for call in self.random.sample(calls, len(calls)):
            with pytest.raises(rheap.HeapCorruption) as caught:
                call()
            assert caught.value.invariant in str(caught.value)

    def end(self):
        if self.area == "blocks":
            assert all(self.whole(at) for at in range(len(self.blocks)))
        else:
            for block in self.blocks:
                assert len(block[:]) == block.size
        if self.damaged:
            self.unraisable.clear()
        while len(self.blocks) > 1:
            block = self.blocks.pop(self.random.randrange(1, len(self.blocks)))
            if self.random.random() < 0.5:
                with contextlib.suppress(rheap.HeapCorruption):
                    block.free()
            elif self.random.random() < 0.5:
                expected = () if self.damaged else (rheap.HeapCorruption,)
                with contextlib.suppress(*expected):
                    block.__exit__(None, None, None)
            del block
        if self.random.random() < 0.5:
            self.heap.close()
        self.blocks.clear()
        del self.anchor, self.heap
        assert all(isinstance(error, rheap.HeapCorruption) for error in self.unraisable)
        assert not (self.damaged and self.unraisable), self.unraisable
        return self.damaged


def main(area, coalesce, debug, first, count):
    found = 0
    for seed in range(int(first), int(first) + int(count)):
        print("seed", seed, flush=True)
        faulthandler.dump_traceback_later(SECONDS_A_SEED, exit=True)
        found += Trial(seed, area, coalesce, debug == "True").run()
        faulthandler.cancel_dump_traceback_later()
    print("found", found)


if __name__ == "__main__":
    main(*sys.argv[1:])
