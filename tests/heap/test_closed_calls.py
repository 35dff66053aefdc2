"""On a closed heap each call says what it did not do."""

import re

import numpy as np
import pytest
from support import SIZE

import rheap

CALLS = {
    "alloc": ("allocate", lambda heap, _: heap.alloc(8)),
    "buffer": ("allocate", lambda heap, _: heap.buffer(8)),
    "array": ("allocate", lambda heap, _: heap.array(8, "u1")),
    "array of a list": ("allocate", lambda heap, _: heap.array([8], "u1")),
    "zeros": ("allocate", lambda heap, _: heap.zeros(8)),
    "full": ("allocate", lambda heap, _: heap.full(8, 1)),
    "copy": ("allocate", lambda heap, _: heap.copy(np.arange(3))),
    "free": ("free", lambda heap, block: heap.free(block)),
    "resize": ("resize", lambda _, block: block.resize(8)),
    "view": ("view", lambda _, block: block.view()),
    "bytes": ("read", lambda _, block: bytes(block)),
    "enter a block": ("enter", lambda _, block: block.__enter__()),
    "enter": ("enter", lambda heap, _: heap.__enter__()),
    "defrag": ("defrag", lambda heap, _: heap.defrag()),
    "trim": ("trim", lambda heap, _: heap.trim()),
    "check": ("check", lambda heap, _: heap.check()),
    "stats": ("give stats", lambda heap, _: heap.stats()),
    "blocks": ("list blocks", lambda heap, _: heap.blocks()),
    "leaks": ("list leaks", lambda heap, _: heap.leaks()),
    "map": ("draw a map", lambda heap, _: heap.map()),
    "a part of the map": ("draw a map", lambda heap, _: heap.map(0x5000, 100)),
    "record": ("record", lambda heap, _: heap.record("never.trace").__enter__()),
}
OF_PRIVATE_HEAPS = {
    "compact": ("compact", lambda heap, _: heap.compact()),
    "compact_when": ("set compact_when", lambda heap, _: heap.compact_when()),
    "no compact_when": ("set compact_when", lambda heap, _: heap.compact_when(None)),
}
OF_SHARED_HEAPS = {
    "ticket": ("make a ticket", lambda heap, block: heap.ticket(block)),
    "publish": ("make a ticket", lambda heap, _: heap.__setitem__("a", np.zeros(3))),
    "[]": ("look up a name", lambda heap, _: heap["a"]),
    "get": ("look up a name", lambda heap, _: heap.get("a")),
    "in": ("look up a name", lambda heap, _: "a" in heap),
    "del": ("delete a name", lambda heap, _: heap.__delitem__("a")),
    "len": ("count names", lambda heap, _: len(heap)),
    "list": ("list names", lambda heap, _: list(heap)),
    "wait": ("wait|look up a name", lambda heap, _: heap.wait("a", 0)),
    "processes": ("list processes", lambda heap, _: heap.processes()),
    "tickets": ("list tickets", lambda heap, _: heap.tickets()),
    "recall": ("recall", lambda heap, _: heap.recall()),
    "reap": ("reap", lambda heap, _: heap.reap()),
    "fileno": ("give its descriptor", lambda heap, _: heap.fileno()),
}


def expect_refusal(heap, verb, call):
    block = heap.alloc(SIZE)
    heap.close()
    with pytest.raises(rheap.HeapClosed) as caught:
        call(heap, block)
    assert re.fullmatch(f"cannot ({verb}): the heap is closed; make a new one", str(caught.value))


@pytest.mark.parametrize("name", [*CALLS, *OF_PRIVATE_HEAPS])
def test_of_a_heap(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    expect_refusal(rheap.Heap("1 MiB"), *(CALLS | OF_PRIVATE_HEAPS)[name])


@pytest.mark.parametrize("name", [*CALLS, *OF_SHARED_HEAPS])
def test_of_a_shared_heap(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    expect_refusal(rheap.SharedHeap("1 MiB"), *(CALLS | OF_SHARED_HEAPS)[name])


def test_of_a_ticket():
    heap = rheap.SharedHeap("1 MiB")
    ticket = heap.ticket(heap.alloc(8))
    expect_refusal(heap, "redeem", lambda heap, _: heap.redeem(ticket))


@pytest.mark.usefixtures("no_default_heap")
def test_of_the_default_heap():
    rheap.init_heap("1 MiB").close()
    for verb, call in (("allocate", lambda: rheap.r_alloc(8)), ("defrag", rheap.r_defrag)):
        with pytest.raises(rheap.HeapClosed, match=f"^cannot {verb}: "):
            call()
