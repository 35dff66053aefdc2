"""One heap in two processes: a block that both have, and one of them dies."""

import signal

import rheap

from .stage import Story

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from typing import Any

NEXT = """\
import rheap; heap = rheap.SharedHeap("1 MiB"); block = heap.alloc(80); block[:2] = b"hi"
ticket = heap.ticket(block); block.free()
print(heap.tickets(), heap.redeem(ticket)[:2], heap.processes(), sep="\\n")"""


def other(pipe: "Connection[Any, Any]", heap: rheap.SharedHeap) -> None:
    """What the second process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the reader
    block = pipe.recv()
    text = bytes(block[:5])
    own = heap.alloc(160)
    own[:2] = b"hi"
    pipe.send((text, heap.map().draw(76)))
    pipe.poll(None)  # it waits, and the block with it


def chapter() -> Story:
    """Two processes, one heap"""
    yield (
        "A SharedHeap lies in a segment that several processes map. Links between its blocks are "
        "offsets, so the same bytes mean the same heap wherever they are mapped. This is what a "
        "second process will do:"
    )
    import inspect

    print(inspect.getsource(other).strip())
    yield (
        "It gets the heap as an argument, and a block through a pipe. What goes through the pipe "
        "is a ticket, not the bytes:"
    )
    from multiprocessing import get_context

    heap = rheap.SharedHeap(1024)
    block = heap.alloc(300)
    block[:5] = b"hello"
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=other, args=(theirs, heap), daemon=True)
    process.start()
    ours.send(block)
    text, picture = ours.recv()
    print(f"the other process read {text!r} and sees")
    print(picture)
    print("and this one")
    print(heap.map())
    yield (
        "Both see the same region. Now this process gives its block up. The memory does not come "
        "back yet, since the other has it:"
    )
    block.free()
    for found in heap.blocks():
        print(found.size, "bytes, live:", found.state.is_live, found.owners)
    print("the process is", process.pid)
    yield (
        "And now the other process is killed. It had no chance to give anything back. A lock that "
        "it held as long as it lived is free now, which is how the heap can tell that it is gone, "
        "and a row of bits says what it had:"
    )
    process.kill()
    process.join()
    print("processes buried:", heap.reap())
    print(heap.map())
    yield (
        "Both blocks are back. Nobody has to ask for it: the dead are buried when a process "
        "attaches, and before a request is refused."
    )
