"""Each consumer of the design's table that keeps something: what it keeps stays valid."""

import ctypes
import gc
import pickle
import sys
import time

import numpy as np
import pyarrow
import pytest
from support import library

import rheap

PATTERN = bytes(range(256)) * 16
SIZE = len(PATTERN)
OTHER = 0xEE


class Consumer:
    """`take(block)` gives the object that keeps the memory, `read(object)` the bytes it sees."""

    read = staticmethod(bytes)


class MemoryView(Consumer):
    take = staticmethod(memoryview)


class BlockView(Consumer):
    def take(self, block):
        return block.view("I", shape=(SIZE // 8, 2))


class NumpyAsarray(Consumer):
    def take(self, block):
        return np.asarray(block)


class NumpyFrombuffer(Consumer):
    def take(self, block):
        return np.frombuffer(block, "f4")


class Ctypes(Consumer):
    def take(self, block):
        return (ctypes.c_char * SIZE).from_buffer(block)


class PickleBuffer(Consumer):
    take = staticmethod(pickle.PickleBuffer)


class Cffi(Consumer):
    def take(self, block):
        return library("cffi").FFI().from_buffer(block)

    def read(self, pointer):
        return bytes(library("cffi").FFI().buffer(pointer))


class Pyarrow(Consumer):
    def take(self, block):
        return pyarrow.py_buffer(block)


class Pillow(Consumer):
    def take(self, block):
        return library("PIL.Image").frombuffer("L", (64, 64), block, "raw", "L", 0, 1)

    def read(self, image):
        return image.tobytes()


class Av(Consumer):
    def take(self, block):
        return library("av").Packet(block)


class Polars(Consumer):
    def take(self, block):
        array = np.frombuffer(block, "u1")
        return library("polars").Series(array)

    def read(self, series):
        return series.to_numpy().tobytes()


class JaxDlpack(Consumer):
    def take(self, block):
        return library("jax").dlpack.from_dlpack(np.frombuffer(block, "u1"))

    def read(self, array):
        return np.asarray(array).tobytes()


class ZstandardReader(Consumer):
    def take(self, block):
        return library("zstandard").ZstdCompressor().stream_reader(block)

    def read(self, reader):
        compressed = reader.read()
        return library("zstandard").ZstdDecompressor().decompressobj().decompress(compressed)


class NumbaSlice(Consumer):
    def take(self, block):
        whole = library("numba").njit(lambda array: array[:])
        return whole(np.frombuffer(block, "u1"))


class Torch(Consumer):
    def take(self, block):
        torch = library("torch")
        return torch.frombuffer(block, dtype=torch.uint8)

    def read(self, tensor):
        return tensor.numpy().tobytes()


class NdarrayOfMemoryview(Consumer):
    def take(self, block):
        return np.ndarray(SIZE, "u1", buffer=memoryview(block))


class Ndarray(Consumer):
    def take(self, block):
        return np.ndarray(SIZE, "u1", buffer=block)


class Recarray(Consumer):
    def take(self, block):
        return np.recarray(SIZE, dtype=[("value", "u1")], buf=block)


class PygameSurface(Consumer):
    def take(self, block):
        return library("pygame").image.frombuffer(block, (32, 32), "RGBA")

    def read(self, surface):
        return bytes(surface.get_buffer().raw)


class PyQt6Image(Consumer):
    def take(self, block):
        image = library("PyQt6.QtGui").QImage
        return image(block, 64, 64, image.Format.Format_Grayscale8)

    def read(self, image):
        return image.constBits().asstring(image.sizeInBytes())


class ZmqFrame(Consumer):
    def take(self, block):
        return library("zmq").Frame(block, copy=False)

    def read(self, frame):
        return bytes(frame.buffer)


class AddressBesideBlock(Consumer):
    """What cairocffi does: ctypes makes a memoryview and drops it, the address stays."""

    def take(self, block):
        return ctypes.addressof(ctypes.c_char.from_buffer(block)), block

    def read(self, pair):
        return ctypes.string_at(pair[0], SIZE)


class CairoSurface(Consumer):
    def take(self, block):
        cairo = library("cairocffi")
        surface = cairo.ImageSurface.create_for_data(block, cairo.FORMAT_ARGB32, 32, 32)
        return surface, cairo

    def read(self, pair):
        surface, cairo = pair
        return bytes(
            cairo.ffi.buffer(cairo.cairo.cairo_image_surface_get_data(surface._pointer), SIZE)
        )


class ArrayInterface(Consumer):
    """An object that says in a dictionary where its array lies."""

    def __init__(self):
        self.block = None

    def take(self, block):
        exporter = ArrayInterface()
        exporter.block = block
        exporter.__array_interface__ = {
            "version": 3,
            "shape": (SIZE,),
            "typestr": "|u1",
            "data": (ctypes.addressof(ctypes.c_char.from_buffer(block)), False),
        }
        return np.asarray(exporter)


class Exporter:
    """A class of Python code that exports the buffer of the block it owns."""

    def __init__(self, block):
        self.block = block

    def __buffer__(self, flags):
        return memoryview(self.block)


exporters_only = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="before Python 3.12 no class of Python code exports buffers"
)


class NumpyOfExporter(Consumer):
    def take(self, block):
        return np.frombuffer(Exporter(block), "u1")


class NdarrayOfExporter(Consumer):
    def take(self, block):
        return np.ndarray(SIZE, "u1", buffer=Exporter(block))


PINNING = [
    MemoryView,
    BlockView,
    NumpyAsarray,
    NumpyFrombuffer,
    Ctypes,
    PickleBuffer,
    Cffi,
    Pyarrow,
    Pillow,
    Av,
    Polars,
    JaxDlpack,
    ZstandardReader,
    NumbaSlice,
    Torch,
    NdarrayOfMemoryview,
]
EXPOSED = [
    Ndarray,
    Recarray,
    PygameSurface,
    PyQt6Image,
    ZmqFrame,
    AddressBesideBlock,
    CairoSurface,
    ArrayInterface,
]
OF_EXPORTERS = [NumpyOfExporter, NdarrayOfExporter]


def collect_until(done):
    """Some consumers (zmq) let go in a thread of their own, so a little later."""
    for _ in range(500):
        gc.collect()
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("the consumer went, the memory did not return")


@pytest.fixture(
    params=[
        *PINNING,
        *EXPOSED,
        *(pytest.param(kind, marks=exporters_only) for kind in OF_EXPORTERS),
    ],
    ids=lambda kind: kind.__name__,
)
def consumer(request):
    return request.param()


def test_free_refuses_or_waits_while_the_consumer_lives(heap, consumer, fill_rest):
    block = heap.alloc(SIZE)
    block[:] = PATTERN
    seen = consumer.take(block)
    try:
        block.free()
    except rheap.BlockPinned:
        assert not block.freed
    else:
        assert heap.stats().lingering_blocks == 1
    fill_rest(heap, OTHER)
    assert consumer.read(seen) == PATTERN


@pytest.mark.parametrize("named", [True, False])
def test_data_outlives_the_with(heap, consumer, named, fill_rest):
    with heap.alloc(SIZE) as block:
        block[:] = PATTERN
        seen = consumer.take(block)
    assert block.freed
    assert heap.stats().lingering_blocks == 1
    if not named:
        del block
        gc.collect()
    fill_rest(heap, OTHER)
    assert consumer.read(seen) == PATTERN


def test_data_outlives_a_block_that_was_never_closed(heap, consumer, fill_rest):
    block = heap.alloc(SIZE)
    block[:] = PATTERN
    seen = consumer.take(block)
    del block
    gc.collect()
    assert heap.stats().live_blocks == 1
    fill_rest(heap, OTHER)
    assert consumer.read(seen) == PATTERN


def test_data_outlives_the_heap(heap, consumer):
    block = heap.alloc(SIZE)
    block[:] = PATTERN
    seen = consumer.take(block)
    heap.close()
    del block
    gc.collect()
    assert consumer.read(seen) == PATTERN


def test_memory_returns_with_consumer_and_block(heap, consumer):
    with heap.alloc(SIZE) as block:
        seen = consumer.take(block)
    assert heap.stats().live_bytes == SIZE
    del seen, block
    collect_until(lambda: heap.stats().live_blocks == 0)
    stats = heap.stats()
    assert (stats.live_bytes, stats.lingering_blocks) == (0, 0)


@pytest.mark.parametrize("kind", PINNING, ids=lambda kind: kind.__name__)
def test_what_keeps_an_export_or_its_object_pins(heap, kind):
    block = heap.alloc(SIZE)
    seen = kind().take(block)
    assert block.pinned
    with pytest.raises(rheap.BlockPinned):
        block.free()
    del seen
    collect_until(lambda: not block.pinned)


@pytest.mark.parametrize("kind", EXPOSED, ids=lambda kind: kind.__name__)
def test_what_keeps_the_block_alone_waits_for_the_block(heap, kind):
    block = heap.alloc(SIZE)
    seen = kind().take(block)
    assert not block.pinned
    assert [info.state for info in heap.blocks()] == [rheap.BlockState.EXPOSED]
    block.free()
    del block
    assert heap.stats().lingering_blocks == 1
    del seen
    collect_until(lambda: heap.stats().live_blocks == 0)


@pytest.mark.parametrize("kind", EXPOSED, ids=lambda kind: kind.__name__)
def test_through_a_view_everything_pins(heap, kind):
    block = heap.alloc(SIZE)
    seen = kind().take(block.view())
    assert block.pinned
    assert [info.state for info in heap.blocks()] == [rheap.BlockState.PINNED]
    del seen
    collect_until(lambda: not block.pinned)
    block.resize(2 * SIZE)  # was never exposed


def test_pyarrow_takes_an_empty_block(heap):
    buffer = pyarrow.py_buffer(heap.alloc(0))
    assert buffer.size == 0
    assert buffer.address != 0
