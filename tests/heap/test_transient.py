"""Each consumer of the design's table that keeps nothing: the memory returns at once."""

import hashlib
import io
import os
import socket
import sqlite3
import struct
import zlib

import pytest
from support import library

import rheap

PATTERN = bytes(range(256)) * 16
SIZE = len(PATTERN)


def recv_into(block):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(PATTERN)
        assert ours.recv_into(block, SIZE, socket.MSG_WAITALL) == SIZE
    assert block[:] == PATTERN


def readinto(block):
    assert io.BytesIO(PATTERN).readinto(block) == SIZE
    assert block[:] == PATTERN


def preadv(block):
    with open("/dev/zero", "rb") as zeros:
        assert os.preadv(zeros.fileno(), [block], 0) == SIZE
    assert block[:] == bytes(SIZE)


def pack_into(block):
    struct.pack_into("<I", block, 4, 0x01020304)
    assert block[4:8] == b"\x04\x03\x02\x01"


def hash_it(block):
    assert hashlib.sha256(block).digest() == hashlib.sha256(block[:]).digest()


def checksum(block):
    assert zlib.crc32(block) == zlib.crc32(block[:])


def compress(block):
    assert zlib.decompress(zlib.compress(block)) == block[:]


def send(block):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent = ours.send(block)
        assert theirs.recv(SIZE) == block[:sent]


def join(block):
    assert b"".join([block, b"!"]) == block[:] + b"!"


def write(block):
    with open(os.devnull, "wb", buffering=0) as sink:
        assert sink.write(block) == SIZE


def sqlite(block):
    database = sqlite3.connect(":memory:")
    try:
        (blob,) = database.execute("select ?", (block,)).fetchone()
    finally:
        database.close()
    assert blob == block[:]


def lz4_frame(block):
    frame = library("lz4.frame")
    assert frame.decompress(frame.compress(block)) == block[:]


def zstandard_compress(block):
    zstandard = library("zstandard")
    compressed = zstandard.ZstdCompressor().compress(block)
    assert zstandard.ZstdDecompressor().decompress(compressed) == block[:]


def h5py_chunk(block):
    h5py = library("h5py")
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("bytes", (SIZE,), "u1", chunks=(SIZE,))
        data.id.write_direct_chunk((0,), block)
        assert data[:].tobytes() == block[:]


TRANSIENT = [
    recv_into,
    readinto,
    preadv,
    pack_into,
    hash_it,
    checksum,
    compress,
    send,
    join,
    write,
    sqlite,
    lz4_frame,
    zstandard_compress,
    h5py_chunk,
]


@pytest.mark.parametrize("use", TRANSIENT)
def test_memory_returns_at_once_when_nothing_was_kept(heap, use):
    with heap.alloc(SIZE) as block:
        block[:] = PATTERN
        use(block)
        # A plain request was made, so that the references had to be counted.
        assert [info.state for info in heap.blocks()] == [rheap.BlockState.EXPOSED]
    stats = heap.stats()
    assert block.freed
    assert (stats.live_blocks, stats.lingering_blocks) == (0, 0)


@pytest.mark.parametrize("use", TRANSIENT)
def test_nothing_is_pinned_after_the_call(heap, use):
    block = heap.alloc(SIZE)
    block[:] = PATTERN
    use(block)
    assert not block.pinned
    block.free()
    del block
    assert heap.stats().live_blocks == 0
