"""`heap.record`: a trace of one heap's own operations."""

import errno
import gc
import os
import re
import threading

import pytest
from damaging import damage
from support import SIZE, array_of, in_child, run_python
from trace_reader import is_gzip, read_trace

import rheap
from rheap.replay.measure import Scheme
from rheap.traces import load


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "heap.trace")


def kinds(trace):
    """Each operation as in `a7:100`, by ids from 1 on."""
    return [
        f"{op.kind}{op.id}" + ("" if op.bytes is None else f":{op.bytes}")
        for op in trace.operations
    ]


@pytest.mark.parametrize("name", ["t.trace", "t.trace.gz"])
def test_what_happens_to_blocks_is_written(heap, tmp_path, name):
    with heap.record(tmp_path / name) as recording:
        assert recording.summary is None
        one, two = heap.alloc(100), heap.alloc("1 KiB", align=64, zero=True)
        one.resize(5000)
        one.free()
        one.free()
        heap.alloc(0)
        del two
        with pytest.raises(rheap.HeapExhausted):
            heap.alloc("1 GiB")
        kept = heap.alloc(7)
    kept.resize(8)
    trace = read_trace(tmp_path / name)
    assert kinds(trace) == ["a1:100", "a2:1024", "r1:5000", "f1", "a3:0", "f3", "f2", "a4:7"]
    assert trace.live == {4: 7}
    assert recording.summary.operations == 8
    assert recording.summary.peak_bytes == trace.peak == 6024
    assert recording.summary.threads == 1
    assert recording.summary.dropped_frees == 0


def test_frees_by_every_door(heap, path):
    with heap.record(path):
        with heap.alloc(1):
            pass
        rheap.Heap.free(heap, heap.alloc(2))
        heap.alloc(3).free()
        heap.alloc(4)
        cycle = [heap.alloc(5)]
        cycle.append(cycle)
        del cycle
        gc.collect()
    assert kinds(read_trace(path)) == [
        f"{k}{n}" + f":{n}" * (k == "a") for n in range(1, 6) for k in "af"
    ]


def test_a_lingering_block_is_free_when_its_memory_returns(heap, path):
    with heap.record(path):
        with heap.alloc(SIZE) as block:
            view = memoryview(block)
        heap.alloc(1)
        del view, block
        block = heap.alloc(SIZE)
        array = array_of(block)
        block.free()
        del block
        heap.alloc(2)
        del array
    assert kinds(read_trace(path)) == [
        *("a1:64", "a2:1", "f2", "f1"),
        *("a3:64", "a4:2", "f4", "f3"),
    ]


def test_compactions_are_written(heap, path):
    with heap.record(path, sites=True) as recording:
        blocks = [heap.alloc(100) for _ in range(9)]
        del blocks[::2]
        heap.compact(max_bytes=112)
        heap.compact(max_seconds=60)
        del blocks[0]
        heap.compact(max_bytes=5 << 40)
        heap.compact(max_bytes="1 KiB", max_seconds=60)
        heap.compact()
    trace = read_trace(path)
    compactions = [(op.kind, op.bytes) for op in trace.operations if op.kind == "c"]
    # Where time bounds it, what it moved: the three others; nothing.
    assert compactions == [("c", 112), ("c", 336), ("c", 1 << 40), ("c", 0), ("c", None)]
    assert recording.summary.operations == len(trace.operations) == 9 + 6 + 5
    assert len(load(path)) == len(trace.operations)


def test_what_a_heap_moves_by_itself_is_not_written(path):
    heap = rheap.Heap(512)
    with heap.record(path):
        blocks = [heap.alloc(56) for _ in range(8)]
        del blocks[::2]
        before = [block.offset for block in blocks]
        large = heap.alloc(100)
        assert before != [block.offset for block in blocks]
        large.free()
    assert {op.kind for op in read_trace(path).operations} == {"a", "f"}


def test_a_recorded_run_is_replayed_where_it_was(path):
    heap = rheap.Heap("1 MiB", coalesce="deferred", auto_compact=False)
    with heap.record(path):
        blocks = [heap.alloc(size % 900) for size in range(17, 9000, 17)]
        del blocks[::3]
        reports = [heap.compact(max_bytes=5000), heap.compact(max_bytes=5000)]
        blocks += [heap.alloc(size % 300) for size in range(13, 2000, 13)]
        del blocks[::5]
        reports.append(heap.compact())
        kept = [(info.offset, info.capacity) for info in heap.blocks()]
    trace = load(path)
    inspection = Scheme("segregated", "deferred").inspect(trace, heap.capacity)
    moved = []
    for operation in read_trace(path).operations:
        inspection.step()
        if operation.kind == "c":
            moved.append(sum(size for *_, size in inspection.moved()))
    read = inspection.rows()
    rows = [(offset, capacity) for offset, _, capacity, *_ in read.read(0, 1, len(read))]
    assert moved == [report.moved_bytes for report in reports]
    assert rows == kept
    inspection.finish(lambda done: None)  # verifies what was moved


def test_arrays_are_blocks(heap, path):
    with heap.record(path, sites=True):
        array = heap.array((10, 10), "u1")
        view = array[3:]
        del array
        heap.alloc(1)
        del view
    trace = read_trace(path)
    assert kinds(trace) == ["a1:100", "a2:1", "f2", "f1"]
    assert "test_arrays_are_blocks" in trace.operations[0].site


def test_blocks_that_are_older(heap, path):
    old, resized, stays = (heap.alloc(n) for n in (1, 2, 3))
    with heap.record(path) as recording:
        old.free()
        resized.resize(20)
        resized.free()
    trace = read_trace(path)
    assert kinds(trace) == ["a1:20", "f1"]
    assert recording.summary.dropped_frees == 1
    assert trace.comments[-1] == "# dropped 1 frees of blocks born before"
    stays.free()


def test_recordings_one_after_the_other_know_nothing_of_each_other(heap, path):
    with heap.record(path):
        first = heap.alloc(1)
    between = heap.alloc(2)
    recording = heap.record(path)
    with recording:
        first.free()
        between.free()
        second = heap.alloc(3)
    assert kinds(read_trace(path)) == ["a1:3"]
    assert recording.summary.dropped_frees == 2
    with recording:
        second.free()
    assert kinds(read_trace(path)) == []
    assert recording.summary.dropped_frees == 1


def test_other_heaps_are_not_recorded(heap, path, tmp_path):
    other = rheap.Heap("1 MiB")
    with heap.record(path), other.record(tmp_path / "other"):
        block = heap.alloc(1)
        kept = other.alloc(2)
        block.free()
        block = other.alloc(3)
    assert kinds(read_trace(path)) == ["a1:1", "f1"]
    assert kinds(read_trace(tmp_path / "other")) == ["a1:2", "a2:3"]
    del kept


def test_sites(heap, path):
    here = re.escape(__file__)

    def inner():
        return heap.alloc(1)

    with heap.record(path, sites=True):
        block = inner()
        block.resize(2)
        block.free()
        namespace = {"heap": heap}
        odd = "x\n\\y\r \N{SNOWMAN}\udc80.py"
        exec(compile("def f(): heap.alloc(3)", odd, "exec"), namespace)
        namespace["f"]()
        exec(compile("def f(): heap.alloc(4)", "long" * 9999, "exec"), namespace)
        namespace["f"]()
    trace = read_trace(path)
    a, r, f, strange, _, long, _ = trace.operations
    assert re.fullmatch(rf"{here}:\d+ test_sites\.<locals>\.inner", a.site)
    assert re.fullmatch(rf"{here}:\d+ test_sites", r.site)
    assert not f.site
    assert strange.site == r"x\n\\y\r " + "\N{SNOWMAN}" + r"\\udc80.py:1 f"
    assert long.site.startswith("longlong") and 2000 < len(long.site) < 3000


def test_threads(heap_of_each_kind, path):
    heap = heap_of_each_kind

    def work(number):
        blocks = [heap.alloc(number) for _ in range(500)]
        for block in blocks[::2]:
            block.resize(100 + number)

    with heap.record(path, sites=True) as recording:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    trace = read_trace(path)
    assert not trace.live
    assert trace.threads == set(range(5))
    assert recording.summary.threads == 5
    assert trace.lives(3) == ["arf", "af"] * 250
    assert len(trace.operations) == recording.summary.operations == 5 * 1250


def test_a_heap_that_is_closed_in_between(path):
    heap = rheap.Heap("1 MiB")
    with heap.record(path) as recording:
        block, seen = heap.alloc(1), memoryview(heap.alloc(2))
        heap.close()
        with pytest.raises(rheap.HeapClosed):
            heap.alloc(3)
        del seen
    assert sorted(kinds(read_trace(path))) == ["a1:1", "a2:2", "f1", "f2"]
    assert recording.summary.operations == 4
    assert block.freed


def test_the_recording_keeps_the_heap(path):
    with rheap.Heap("1 MiB").record(path, sites=True) as recording:
        gc.collect()
    assert recording.summary.operations == 0


def test_one_recording_at_a_time(heap, path, tmp_path):
    with heap.record(path) as recording:
        block = heap.alloc(1)
        for again in (recording, heap.record(path), heap.record(tmp_path / "other")):
            with pytest.raises(RuntimeError, match="being recorded already"), again:
                pass
        assert not (tmp_path / "other").exists()
        block.free()
    assert kinds(read_trace(path)) == ["a1:1", "f1"]


def test_a_closed_heap_is_not_recorded(path):
    heap = rheap.Heap("1 MiB")
    heap.close()
    with pytest.raises(rheap.HeapClosed), heap.record(path):
        pass
    assert not os.path.exists(path)


def test_a_damaged_heap_can_be_recorded_to_its_end(path):
    heap = rheap.Heap("1 MiB")
    with heap.record(path):
        block, other = heap.alloc(SIZE), heap.alloc(SIZE)
        damage(block)
        with pytest.raises(rheap.HeapCorruption):
            heap.check()
        del block, other
    assert sorted(kinds(read_trace(path))) == ["a1:64", "a2:64", "f1", "f2"]


def test_what_the_system_refuses_is_raised(heap, tmp_path):
    for path in (tmp_path / "missing" / "t.trace", tmp_path):
        with pytest.raises(OSError, match=re.escape(str(path))), heap.record(path):
            pass
    with pytest.raises(TypeError), heap.record(7.5):
        pass
    os.symlink("/dev/full", tmp_path / "full.gz")
    for path in ("/dev/full", tmp_path / "full.gz"):
        with pytest.raises(OSError, match="No space left") as caught, heap.record(path):
            for _ in range(5000):
                heap.alloc(10)
        assert caught.value.errno == errno.ENOSPC
        assert str(caught.value.filename) == str(path)
    assert not heap._observed
    with heap.record(tmp_path / "good"):
        heap.alloc(1)
    assert kinds(read_trace(tmp_path / "good")) == ["a1:1", "f1"]


def test_an_exception_passes(heap, path):
    with pytest.raises(LookupError), heap.record(path):
        heap.alloc(1)
        raise LookupError
    assert kinds(read_trace(path)) == ["a1:1", "f1"]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_not_recorded(heap, tmp_path):
    path = tmp_path / "t.trace.gz"

    def child():
        kept = heap.alloc(2)
        block.free()
        assert not heap._observed
        with heap.record(tmp_path / "child"):
            heap.alloc(3)
        recording.__exit__(None, None, None)
        del kept

    with heap.record(path) as recording:
        block = heap.alloc(1)
        in_child(child)
        block.free()
    assert kinds(read_trace(path)) == ["a1:1", "f1"]
    assert kinds(read_trace(tmp_path / "child")) == ["a1:3", "f1"]


def test_a_recording_that_nobody_ended_is_whole_all_the_same(path):
    run_python(
        """
        import sys, rheap
        heap = rheap.Heap("1 MiB")
        recording = heap.record(sys.argv[1])
        recording.__enter__()
        block = heap.alloc(1)
        """,
        path,
    )
    assert kinds(read_trace(path))[0] == "a1:1"


def test_one_recording_to_a_file_at_a_time(heap, path):
    other = rheap.Heap("1 MiB")
    with heap.record(path):
        kept = heap.alloc(1)
        with pytest.raises(OSError, match="another recording writes to it") as caught:
            other.record(path).__enter__()
        assert caught.value.filename == path
        assert not other._observed
    with other.record(path):
        other.alloc(2)
    assert kinds(read_trace(path)) == ["a1:2", "f1"]
    del kept


def test_a_trace_that_cannot_be_compressed_stays_plain(heap, tmp_path):
    path = tmp_path / ("x" * 252 + ".gz")  # a name beside it would be too long
    recording = heap.record(path)
    with pytest.raises(OSError, match="whole, but it could not be compressed"), recording:
        heap.alloc(1)
    assert not is_gzip(path)
    assert kinds(read_trace(path)) == ["a1:1", "f1"]
    assert recording.summary.operations == 2
    assert os.listdir(tmp_path) == [path.name]


def test_the_compressed_file_takes_the_place_of_the_plain_one(heap, tmp_path):
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "t.gz"
    path.touch(0o640)
    os.symlink(path, tmp_path / "link.gz")
    with heap.record(os.fsencode(tmp_path / "link.gz")):
        heap.alloc(1)
    assert (tmp_path / "link.gz").is_symlink()
    assert is_gzip(path)
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(path.parent) == [path.name]
    assert kinds(read_trace(path)) == ["a1:1", "f1"]
