"""Who attaches to a shared heap, and by which descriptor."""

import ctypes
import fcntl
import os
import pickle
import struct
import subprocess
import sys
import textwrap
import threading

import pytest
from processes import Child, assert_nothing_left
from support import rounds

import rheap


@pytest.fixture
def heap():
    with rheap.SharedHeap("1 MiB") as heap:
        yield heap
        if not heap.closed:
            assert_nothing_left(heap)


# --- one object -----------------------------------------------------------------------------------


def test_all_attachments_of_a_process_are_one_object(heap):
    assert rheap.SharedHeap.attach(fd=heap.fileno()) is heap
    duplicate = os.dup(heap.fileno())
    assert rheap.SharedHeap.attach(fd=duplicate) is heap
    os.close(duplicate)
    assert len(heap.processes()) == 1


def test_the_same_in_a_process_that_attached_by_itself(heap):
    code = """
        import sys, rheap
        first = rheap.SharedHeap.attach(fd=int(sys.argv[1]))
        assert rheap.SharedHeap.attach(fd=first.fileno()) is first
        block = first.redeem(bytes.fromhex(sys.argv[2]))
        print(len(first.processes()), block[:].decode(), first.capacity)
    """
    block = heap.alloc(5)
    block[:] = b"hello"
    done = subprocess.run(
        [
            *(sys.executable, "-c", textwrap.dedent(code)),
            *(str(heap.fileno()), heap.ticket(block).hex()),
        ],
        pass_fds=[heap.fileno()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "2 hello 1048576\n"
    assert heap.tickets() == []


def test_threads_that_attach_at_once_get_one_object():
    for _ in range(rounds(10)):
        with rheap.SharedHeap("64 KiB") as heap:
            descriptor = os.dup(heap.fileno())
        barrier = threading.Barrier(4)
        found = []

        def attach(descriptor=descriptor, barrier=barrier, found=found):
            barrier.wait()
            found.append(rheap.SharedHeap.attach(fd=descriptor))

        threads = [threading.Thread(target=attach) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os.close(descriptor)
        assert len(found) == 4
        assert len(set(map(id, found))) == 1
        found[0].close()


def test_the_descriptor_given_stays_the_callers(heap):
    with rheap.SharedHeap("64 KiB") as another:
        descriptor = os.dup(another.fileno())
    attached = rheap.SharedHeap.attach(fd=descriptor)
    assert attached.fileno() != descriptor
    os.close(descriptor)
    attached.alloc(8)[0] = 1
    attached.check()
    attached.close()


def test_debug_is_the_heaps_not_the_attachers():
    heap = rheap.SharedHeap("64 KiB", debug=True)

    def work(pipe):
        attached = rheap.SharedHeap.attach(fd=heap.fileno())
        assert attached.debug
        block = attached.alloc(8)
        pipe.send(attached.blocks()[0].site)
        block.free()
        attached.check()

    with Child(work) as child:
        assert "test_attaching.py" in child.receive()
    heap.check()


# --- descriptors that are none --------------------------------------------------------------------


def attach(descriptor):
    return rheap.SharedHeap.attach(fd=descriptor)


def memory_file(content=b"", flags=os.MFD_ALLOW_SEALING, seals=0):
    descriptor = os.memfd_create("test", flags)
    os.write(descriptor, content)
    if seals:
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def sealed_copy_of(heap, change=lambda content: None, size=None):
    """A memory file with what is in the first pages of a heap."""
    content = bytearray(os.pread(heap.fileno(), 4096, 0))
    change(content)
    descriptor = memory_file(content)
    os.truncate(descriptor, os.fstat(heap.fileno()).st_size if size is None else size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return descriptor


def test_a_closed_descriptor_is_an_os_error():
    read_end, write_end = os.pipe()
    os.close(read_end)
    os.close(write_end)
    for descriptor in (write_end, -1, 12_345):
        with pytest.raises(OSError, match="Bad file descriptor"):
            attach(descriptor)


@pytest.mark.parametrize("kind", ["file", "directory", "pipe", "memory file", "sealed memory file"])
def test_another_descriptor_is_a_mismatch(kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(10_000))
    opened = {
        "file": lambda: os.open(path, os.O_RDWR),
        "directory": lambda: os.open(tmp_path, os.O_RDONLY),
        "pipe": lambda: os.pipe()[0],
        "memory file": lambda: memory_file(bytes(10_000)),
        "sealed memory file": lambda: memory_file(
            os.urandom(100_000), seals=fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
        ),
    }[kind]()
    with pytest.raises(rheap.HeapMismatch) as caught:
        attach(opened)
    expected = "it holds no heap" if kind == "sealed memory file" else "it is no sealed memory file"
    assert caught.value.reason == expected
    os.fstat(opened)  # still open
    os.close(opened)


def set_word(offset, value, form="<Q"):
    return lambda content: struct.pack_into(form, content, offset, value)


MAGIC, VERSION, CAPACITY = 0, 8, 16

FORGED = {
    "it is too short": lambda heap: sealed_copy_of(heap, size=100),
    "it holds no heap": lambda heap: sealed_copy_of(heap, set_word(MAGIC, 1)),
    "it is of another version": lambda heap: sealed_copy_of(heap, set_word(VERSION, 9, "<I")),
    "its size is not what its header says": lambda heap: sealed_copy_of(
        heap, set_word(CAPACITY, heap.capacity + 8 * 8192)
    ),
}


@pytest.mark.parametrize("reason", FORGED)
def test_a_segment_that_is_not_as_it_should_be_is_a_mismatch(heap, reason):
    descriptor = FORGED[reason](heap)
    with pytest.raises(rheap.HeapMismatch) as caught:
        attach(descriptor)
    assert caught.value.reason == reason
    os.close(descriptor)
    assert len(heap.processes()) == 1


def test_an_unsealed_copy_of_a_heap_is_a_mismatch(heap):
    descriptor = memory_file(os.pread(heap.fileno(), os.fstat(heap.fileno()).st_size, 0))
    with pytest.raises(rheap.HeapMismatch, match="no sealed memory file"):
        attach(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("capacity", [0, 1 << 60, (1 << 64) - 8])
def test_an_odd_capacity_is_a_mismatch(heap, capacity):
    descriptor = sealed_copy_of(heap, set_word(CAPACITY, capacity))
    with pytest.raises(rheap.HeapMismatch):
        attach(descriptor)
    os.close(descriptor)


def test_nobody_can_shrink_or_grow_the_segment(heap):
    size = os.fstat(heap.fileno()).st_size
    for other in (0, size - 4096, size + 4096):
        with pytest.raises(PermissionError):
            os.truncate(heap.fileno(), other)
    with pytest.raises(PermissionError):
        os.pwrite(heap.fileno(), b"x", size)


@pytest.mark.parametrize("descriptor", ["text", 1.5, None])
def test_what_is_no_descriptor_is_a_type_error(descriptor):
    with pytest.raises(TypeError):
        attach(descriptor)


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("capacity", [0, 15, "1 B", (1 << 40) + 8, "2 TiB", -5])
def test_a_capacity_that_makes_no_sense_is_refused(capacity):
    with pytest.raises(ValueError):
        rheap.SharedHeap(capacity)


@pytest.mark.parametrize("objects", [0, -1, (1 << 24) + 1])
def test_a_number_of_objects_that_makes_no_sense_is_refused(objects):
    with pytest.raises(ValueError, match="objects must be from 1 to 16,777,216"):
        rheap.SharedHeap("1 MiB", objects=objects)


def test_a_shared_heap_is_not_pickled_by_others(heap):
    with pytest.raises(TypeError, match="handed over by multiprocessing"):
        pickle.dumps(heap)
    with pytest.raises(TypeError):
        pickle.dumps(heap.alloc(8))


def test_it_says_what_it_is(heap):
    assert repr(heap) == "<rheap.SharedHeap of 1 MiB>"
    heap.close()
    assert repr(heap) == "<rheap.SharedHeap, closed>"


def test_addresses_are_where_the_heap_is_mapped(heap):
    block = heap.alloc(8)
    block[:] = b"12345678"
    assert ctypes.string_at(block.address, 8) == b"12345678"
