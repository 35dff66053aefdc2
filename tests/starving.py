"""Runs operations while Python has no memory: `python starving.py one|all CASE...`.

Each case is done again and again; the first time its first request for memory fails ("one": this
one; "all": and all that follow), then its second, until it needs no more. Every time it must end in
a `MemoryError` or go through, leave the heap whole, hold nothing, and go through when it is done
again. Prints what does not. CPython 3.11: later ones end by themselves when memory fails.
"""

import _testcapi
import copy
import functools
import gc
import os
import sys
import warnings
import weakref

import rheap
from rheap import _core

TEXT = b"a 1 100\na 2 50\nf 1\na 3 8\nr 3 700\nf 3\n"
# What Python itself says now and then, also of a plain `raise`.
PYTHONS_OWN = ("error return without exception set", "returned NULL without setting an exception")


def parse(text=TEXT):
    parser = _core.TraceParser("text")
    parser.feed(text)
    return parser.finish()


TRACE = parse()
CASES = {}


def case(work):
    """A case is called with a Heap and a dict of its blocks."""
    CASES[work.__name__] = work
    return work


def refused(kind, work, *arguments):
    try:
        work(*arguments)
    except kind as error:
        str(error)
    else:
        raise AssertionError("went through")


# --- blocks -------------------------------------------------------------------------------------


@case
def alloc(heap, _):
    heap.alloc(64)
    heap.alloc(64).free()
    heap.free(heap.alloc("64 KiB"))
    heap.alloc(64, align=64, zero=True)
    heap.alloc(3 << 20, zero=True)


@case
def resize(heap, blocks):
    block = heap.alloc(10)
    block.resize(200)
    block.resize("3 B")
    blocks["kept"].resize(300)
    blocks["kept"].resize(100)


@case
def leave_with(heap, _):
    with heap.alloc(9) as block:
        block[0] = 1
    with heap.alloc(9) as block:
        view = memoryview(block)
    view.release()


@case
def views(_, blocks):
    kept = blocks["viewed"]
    kept.view(), kept.view("I"), kept.view("B", (4, 5)), memoryview(kept), bytes(kept)


@case
def access(_, blocks):
    kept = blocks["kept"]
    kept[0:5], kept[3], len(kept), kept[::2]
    kept[3] = 4
    kept[0:10:2] = b"hello"


@case
def properties(_, blocks):
    for name in ("kept", "freed", "viewed"):
        repr(blocks[name]), blocks[name].freed, blocks[name].pinned
    kept, pin = blocks["kept"], blocks["view"].obj
    kept.size, kept.capacity, kept.offset, blocks["viewed"].address, repr(pin), pin.block


@case
def weak(heap, _):
    block = heap.alloc(5)
    reference = weakref.ref(block)
    del block
    assert reference() is None


@case
def arrays(heap, _):
    heap.array((3, 4))


# --- reports ------------------------------------------------------------------------------------


@case
def stats(heap, _):
    str(heap.stats())


@case
def lists(heap, _):
    str(list(heap.blocks())), str(heap.leaks()), repr(heap)


@case
def map_of_all(heap, _):
    str(heap.map())


@case
def map_of_part(heap, blocks):
    str(heap.map(blocks["kept"].offset, 200))


@case
def notebook(heap, blocks):
    heap._repr_html_(), blocks["kept"]._repr_html_()


@case
def maintenance(heap, _):
    heap.check(), heap.defrag(), heap.trim(), heap.capacity


# --- errors -------------------------------------------------------------------------------------


@case
def freed(heap, blocks):
    refused(rheap.BlockFreed, heap.free, blocks["freed"])
    refused(rheap.BlockFreed, len, blocks["freed"])


@case
def pinned(_, blocks):
    refused(rheap.BlockPinned, blocks["viewed"].free)
    refused(rheap.BlockPinned, blocks["viewed"].resize, 5)


@case
def exhausted(heap, _):
    refused(rheap.HeapExhausted, heap.alloc, 1 << 40)


@case
def wrong_size(heap, _):
    refused(ValueError, heap.alloc, -1)


@case
def copied(heap, blocks):
    for thing in (heap, blocks["kept"], TRACE):
        refused(TypeError, copy.copy, thing)


@case
def foreign(heap, _):
    refused(rheap.ForeignBlock, rheap.Heap(4096).free, heap.alloc(5))


# --- heaps --------------------------------------------------------------------------------------


@case
def heaps(*_):
    rheap.Heap("1 MiB"), rheap.Heap(4096, debug=True), rheap.Heap.__new__(rheap.Heap)
    with rheap.Heap(4096) as heap:
        view = memoryview(heap.alloc(5))
    view.release()


@case
def derived_heap(*_):
    class Derived(rheap.Heap):
        pass

    Derived(4096).alloc(5)


@case
def default_heap(*_):
    rheap.init_heap(4096)
    rheap.r_free(rheap.r_alloc(5))
    rheap.r_defrag()


@case
def recorded(heap, _):
    recorder = _core.HeapRecorder(heap, os.open(os.devnull, os.O_WRONLY), True, True)
    block = heap.alloc(5)
    block.resize(10)
    block.free()
    recorder.stop()


# --- traces -------------------------------------------------------------------------------------


@case
def traces(*_):
    trace = parse()
    len(trace), trace.line(2), trace.source, trace.allocations, trace.peak_bytes
    trace.peak_block_bytes, trace.write([].append)
    refused(rheap.TraceError, parse, b"nonsense")


@case
def columns(*_):
    trace = parse(b"# rheap 2\nt 1\nu 5\ns 1 x.py:3 f\na 1\n")
    trace.times(), trace.threads(), trace.sites(), trace.site_names, trace.shares_after(1)


@case
def watches(*_):
    for watch in (_core.HeapWatch(TRACE, 1 << 20, False, "first"), _core.MallocWatch(TRACE)):
        watch.run(), watch.latency(2)


def play(policy):
    inspection = _core.Inspection(TRACE, 1 << 20, False, policy)
    inspection.step(), inspection.rows()
    inspection.finish(abs)
    inspection.figures(), inspection.position


@case
def inspection(*_):
    play("first")


@case
def own_policy(*_):
    play(lambda _, holes: holes[-1])
    refused(rheap.WrongChoice, play, lambda *_: 5)


@case
def timeline(*_):
    story = _core.Inspection(TRACE, 1 << 20, False, "first").timeline(3, abs)
    story.curves(), story.bands(), story.raster(3, 100)


# --- the loop -----------------------------------------------------------------------------------


def attempt(work, first, last):
    """What it raises while requests from `first` on (to before `last`, unless 0) fail."""
    _testcapi.set_nomemory(first, last)
    try:
        work()
    except BaseException as error:
        _testcapi.remove_mem_hooks()
        return error
    _testcapi.remove_mem_hooks()
    return None


def expected(error):
    if error is None or isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        return True
    return isinstance(error, SystemError) and any(words in str(error) for words in PYTHONS_OWN)


def figures(heap):
    heap.check()
    stats = heap.stats()
    return stats.live_blocks, stats.live_bytes, stats.lingering_blocks, stats.pinned_blocks


def starve(name, mode, debug):
    heap = rheap.Heap("64 MiB", debug=debug)
    blocks = {key: heap.alloc(100) for key in ("kept", "freed", "viewed")}
    blocks["freed"].free()
    blocks["view"] = blocks["viewed"].view()
    work = functools.partial(CASES[name], heap, blocks)
    for _ in range(3):
        work()
    before = figures(heap)
    first = 0
    while True:
        error = attempt(work, first, first + 1 if mode == "one" else 0)
        if not expected(error):
            print(name, mode, debug, first, repr(error))
        del error
        if figures(heap) != before:
            print(name, mode, debug, first, "left", before, figures(heap))
            return
        work()
        if attempt(work, first, 0) is None:
            return
        first += 1 if first < 150 else 11  # the pictures ask for memory thousands of times


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    gc.disable()
    for name in sys.argv[2:]:
        print("case", name, flush=True)
        for debug in (False, True):
            starve(name, sys.argv[1], debug)
