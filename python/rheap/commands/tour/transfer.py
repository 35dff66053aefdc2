"""Real work through blocks: a file, a socket, a digest."""

import rheap
import rheap._core

from .stage import Story

NEXT = """\
import rheap; heap = rheap.Heap("1 MiB"); block = heap.alloc(80)
count = open(rheap.__file__, "rb").readinto(block)
print(block[:count].decode())"""


def chapter() -> Story:
    """A file goes through a socket"""
    yield (
        "A block speaks the buffer protocol, so whatever fills or reads a bytearray does the same "
        "with a block. Here a file, rheap's own compiled module, is to go through a socket, from "
        "one block into another."
    )
    import socket
    from hashlib import sha256
    from os import path
    from threading import Thread

    heap = rheap.Heap("1 GiB")
    source = rheap._core.__file__
    size = path.getsize(source)
    print(f"{path.basename(source)}: {size:,} bytes")
    print(heap, f"with {heap.stats().resident_bytes:,} bytes in memory")
    yield (
        "A heap reserves addresses and takes memory only as it is used, so a large one costs "
        "nothing. A thread sends one block while the other is filled, slice by slice: slices of a "
        "memoryview are the block's memory itself, not copies. When the `with` ends, the blocks "
        "are given back:"
    )
    left, right = socket.socketpair()
    with left, right, heap.alloc(size) as sent, heap.alloc(size) as received:
        with open(source, "rb") as file:
            file.readinto(sent)
        sender = Thread(target=left.sendall, args=[sent], daemon=True)
        sender.start()
        done = 0
        with received.view() as view:
            while count := right.recv_into(view[done:]):
                done += count
        sender.join()
        print(f"{done:,} bytes received")
        print("equal:", sha256(sent).digest() == sha256(received).digest())
        print(heap.map())
    print(f"live after the with: {heap.stats().live_bytes} bytes")
    yield (
        "File, socket and digest worked in the heap's own memory, without a copy. X says "
        "exposed: readinto, sendall and sha256 took the Block itself, and for all the heap knows "
        "one of them kept its address. But nothing besides the names here refers to the blocks, so "
        "the end of the `with` gave the memory back. block.view() would have exposed nothing."
    )
