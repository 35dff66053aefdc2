"""Real work through blocks: a file, a socket, a digest."""

from collections.abc import Generator

import rheap
import rheap._core


def real_bytes() -> Generator[str, None, rheap.Heap]:
    """A file goes through a socket"""
    yield (
        "A block speaks the buffer protocol, so whatever fills or reads a bytearray does the same "
        "with a block. Here a file, rheap's own compiled module, is read into one block and sent "
        "through a socket by a thread, while this thread receives it into another block."
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
        "nothing. To receive, fill a block slice by slice until it is full; slices of a memoryview "
        "are the block's memory itself, not copies:"
    )

    def fill(block: rheap.Block, sock: socket.socket) -> int:
        calls = done = 0
        with memoryview(block) as view:
            while done < len(view):
                count = sock.recv_into(view[done:])
                if not count:
                    raise EOFError(f"the sender stopped after {done:,} bytes")
                done += count
                calls += 1
        return calls

    yield "And both ends of it. When the `with` ends, the blocks are given back:"
    left, right = socket.socketpair()
    with left, right, heap.alloc(size) as sent, heap.alloc(size) as received:
        with open(source, "rb") as file:
            file.readinto(sent)
        sender = Thread(target=left.sendall, args=[sent], daemon=True)
        sender.start()
        calls = fill(received, right)
        sender.join()
        print(f"{len(received):,} bytes in {calls} calls of recv_into")
        print("sent     ", sha256(sent).hexdigest()[:32])
        print("received ", sha256(received).hexdigest()[:32])
        print("equal    ", sha256(sent).digest() == sha256(received).digest())
        print(heap.map())
    yield (
        "File, socket and digest worked in the heap's own memory; no bytes object was made. H says "
        "handed out: readinto, sendall and sha256 ask for the address in the way of callers who "
        "keep it, so the heap would not move or resize these blocks any more. Nobody did keep it, "
        "so the end of the `with` gave the memory back:"
    )
    print(heap.map())
    return heap
