"""Random lives of a heap that is damaged on the way.

After every operation each live block must hold what its owner wrote, and no two may overlap.

Run as a process of its own: `python trials.py AREA COALESCE DEBUG FIRST COUNT`. AREA is what is
damaged, `blocks` or `header`; COALESCE and DEBUG are the heap's; there are COUNT lives, from seed
FIRST on. A long run: `python tests/trials.py header deferred False 0 100000`.
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
        self.seed = seed
        self.area = area
        self.capacity = capacity = self.random.choice([4096, 1 << 14, 1 << 16, 1 << 20])
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
                self.look()
                if self.unraisable:
                    break
            if self.random.random() < 0.7 and not self.unraisable:
                self.heap.check()
                return self.end()
            if not self.unraisable:
                return self.end()
        self.damaged = True
        self.look()
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
            if kind == "resize":
                self.resize(at, pick.choice([0, 24, 100, 300, pick.randrange(4000)]))
            else:
                if kind == "free":
                    self.blocks[at].free()  # who finds damage leaves the block as it was
                del self.blocks[at], self.contents[at]
        elif kind == "report":
            stats = self.heap.stats()
            list(self.heap.blocks())
            self.heap.map().draw(80)
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
        assert self.blocks[at][: len(kept)] == kept
        self.contents[at] = self.blocks[at][:]

    def damage(self):
        pick = self.random
        if self.area == "header":
            place = self.place_in_header()
            write_word(self.base, place, self.value(read_word(self.base, place)))
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

    def place_in_header(self):
        """Seed by seed, each word that is in use gets its turn; now and then any word does."""
        places = range(0, self.origin, WORD)
        if self.random.random() < 0.2:
            return self.random.choice(places)
        used = [place for place in places if read_word(self.base, place)]
        return used[self.seed % len(used)]

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

    def look(self):
        """Each live block is whole, within the region, and apart from all others."""
        for block, content in zip(self.blocks, self.contents, strict=True):
            assert not block.freed
            assert block[:] == content
        end = self.origin
        for block in sorted(self.blocks, key=lambda block: block.offset):
            assert block.offset >= end + WORD
            end = block.offset + block.capacity
        assert end <= self.origin + self.capacity

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
        self.look()
        if self.damaged:
            self.unraisable.clear()
        while len(self.blocks) > 1:
            block = self.blocks.pop(self.random.randrange(1, len(self.blocks)))
            if self.random.random() < 0.5:
                content = block[:]
                try:
                    block.free()
                except rheap.HeapCorruption:
                    assert not block.freed
                    assert block[:] == content
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
