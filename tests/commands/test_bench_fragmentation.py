"""The section on fragmentation plays what it says, and its figures are those of the heap.

No time is asserted.
"""

import dataclasses
import itertools
import json
import math

import pytest
from support import MIB, plain_build_only

import rheap
import rheap.commands.bench
from rheap.commands.bench import fragmentation
from rheap.commands.bench.fragmentation import caches, malloc, workloads
from rheap.commands.bench.fragmentation.playing import extent_of_live, live_bytes, play
from rheap.commands.main import main
from rheap.console.terminal import Terminal

TINY = dataclasses.replace(rheap.commands.bench.QUICK, rounds=3, turn=1e-5, part=0.01)
PART = TINY.part


def quietly(_):
    """No progress."""


def follow(requests, capacity=math.inf):
    """What a workload asks of memory that serves all up to a limit: the sizes of the blocks, and
    the live bytes after each request."""
    sizes, live, course = [], set(), [0]
    served = None
    while True:
        try:
            request = requests.send(served)
        except StopIteration:
            return sizes, course
        if request < 0:
            live.remove(~request)
            course.append(course[-1] - sizes[~request])
            continue
        served = course[-1] + request <= capacity
        if served:
            live.add(len(sizes))
            sizes.append(request)
            course.append(course[-1] + request)


def test_a_cache_keeps_to_its_limit_and_is_full():
    sizes, course = follow(workloads.cache(150, 300, PART))
    assert sizes == [150] * 7000 + [300] * 1700
    limit = workloads.CACHE_LIMIT * PART
    assert limit - 300 < course[-1] <= max(course) <= limit


@pytest.mark.parametrize("change", workloads.CHANGES[:-1], ids=lambda change: change.name)
def test_sizes_change_at_the_limit(change):
    sizes, course = follow(change.make(PART))
    limit = workloads.CHANGE_LIMIT * PART
    assert limit < max(course) <= limit * 1.05
    phases = max(1, round(sum(sizes) / (workloads.CHANGE_TOTAL * PART)))
    assert phases == (1 if change.name in ("100", "2 MiB") else 2)
    if "deleted" in change.name:
        share = int(change.name.split(" % ")[0].split()[-1]) / 100
        drops = [before - after for before, after in itertools.pairwise(course)]
        runs = [sum(run) for down, run in itertools.groupby(drops, lambda drop: drop > 0) if down]
        assert max(runs) == pytest.approx(share * limit, rel=0.1)


def test_any_block_may_be_the_next_to_go():
    freed = [~request for request in workloads.CHANGES[0].make(PART) if request < 0]
    assert len(set(freed)) == len(freed)
    distances = [after - before for before, after in itertools.pairwise(freed)]
    assert min(distances) < -1000 and max(distances) > 1000


def test_exponential_sizes_fill_the_pool_again_and_again():
    pool = workloads.CHANGE_POOL * PART
    sizes, course = follow(workloads.CHANGES[-1].make(PART), pool)
    assert max(course) > 0.9 * pool
    assert min(sizes) < max(sizes) / 20
    assert sum(sizes) >= workloads.CHANGE_TOTAL * PART


def test_pairs_double_until_they_are_a_share_of_the_capacity():
    capacity = workloads.PAIRS_CAPACITY * PART
    sizes, course = follow(workloads.pairs(PART), capacity)
    assert sorted(set(sizes)) == [64 << shift for shift in range(7)]
    assert max(course) <= capacity < course[-1] + 4096


def test_arrays_are_of_all_sizes_and_keep_their_share_live():
    sizes, course = follow(workloads.arrays(0.8, PART))
    least, most = (size * PART for size in workloads.ARRAYS_SIZES)
    assert int(least) <= min(sizes) <= max(sizes) <= most
    assert len(sizes) == workloads.ARRAYS_REQUESTS
    assert max(course) <= workloads.ARRAYS_CAPACITY * 0.8 * PART


def test_a_workload_is_played_on_a_heap():
    def requests():
        yield 100
        yield 200
        yield ~0
        assert not (yield 10 * MIB)
        assert (yield 300)

    with rheap.Heap("1 MiB") as heap:
        filled = []
        played = play(
            requests(), heap, fill=lambda number, block: filled.append((number, block.size))
        )
        assert [block and block.size for block in played.blocks] == [None, 200, 300]
        assert filled == [(0, 100), (1, 200), (2, 300)]
        assert played.live_when_refused == [208 / heap.capacity]
        assert live_bytes(heap) == 208 + 312
        played.blocks.clear()


def test_the_extent_ends_with_the_last_block():
    heap = rheap.Heap("1 MiB")
    blocks = [heap.alloc(120) for _ in range(10)]
    assert extent_of_live(heap) == 1
    blocks[:5] = []
    assert extent_of_live(heap) == 2
    blocks[-1:] = []
    assert extent_of_live(heap) == pytest.approx(9 / 4)


@plain_build_only
def test_malloc_gets_the_same_requests():
    with malloc.Malloc() as process:
        process.play([])
        process.play([MIB] * 20 + [1000] * 40_000)
        full = process.resident_bytes()
        process.play([~number for number in range(10)])
        less = process.resident_bytes()
    assert 60 * MIB > full > 20 * MIB + 40_000_000
    assert less == pytest.approx(full - 10 * MIB, abs=MIB)


def test_a_process_of_malloc_that_dies_is_an_error(monkeypatch):
    monkeypatch.setattr(malloc, "_WORKER", "no such file.py")
    with malloc.Malloc() as process:
        with pytest.raises(ChildProcessError, match="malloc's process ended with status 2"):
            process.resident_bytes()
        with pytest.raises(ChildProcessError, match="status 2"):
            process.play([1] * 100_000)


@pytest.fixture(scope="module")
def found():
    return fragmentation.measure(TINY, quietly)


@pytest.mark.slow
@plain_build_only
def test_compaction_leaves_next_to_nothing_between_the_blocks(found):
    for cache in found.caches:
        assert cache.uncompacted > 1.1
        assert cache.compacted < 1.001
        assert cache.passes >= 1
        assert cache.is_unchanged
    assert [one.name for one in found.changes] == [one.name for one in workloads.CHANGES]
    for change in found.changes:
        assert change.compacted < 0.001
    assert max(change.uncompacted for change in found.changes) > 1


@plain_build_only
def test_a_heap_is_full_before_it_refuses(found):
    assert found.doubling.refusals == 7
    assert found.doubling.uncompacted == pytest.approx(0.5, abs=0.01)
    assert found.doubling.compacted > 0.98
    assert [one.live for one in found.arrays] == [0.8, 0.9]
    assert [one.refused for one in found.arrays] == [0, 0]
    assert found.arrays[1].refused_uncompacted > 0


@plain_build_only
def test_the_section_shows_itself(found, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    found.show(Terminal())
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    for words in (
        "150, then 300",
        "unchanged",
        "100-200, 50 % deleted",
        "Robson",
        "80%",
        "memmove",
    ):
        assert words in out
    assert "CHANGED" not in out
    assert len(found.headlines()) == 8
    json.dumps(dataclasses.asdict(found))


def test_what_changed_is_said_loudly(capsys):
    changed = caches.FullCache(150, 300, 1.2, 1.2, 1.0, 1, 0.001, is_unchanged=False)
    caches.show([changed], Terminal(), "glibc")
    assert "CHANGED" in capsys.readouterr().out


def test_a_section_without_headlines_has_no_summary(capsys, monkeypatch):
    monkeypatch.setattr(rheap.commands.bench, "FULL", TINY)
    assert main(["bench", "threads"]) == 0
    out = capsys.readouterr().out
    assert "Two threads against one" in out
    assert "In short" not in out


def test_sections_are_chosen_by_name(capsys, monkeypatch):
    measured = []

    def section(name):
        def measure(effort, advance):
            measured.append(name)
            return caches.FullCache(1, 2, 3, 4, 5, 6, 7, is_unchanged=True)

        return name, measure

    names = list(rheap.commands.bench.SECTIONS)
    monkeypatch.setattr(rheap.commands.bench, "SECTIONS", {name: section(name) for name in names})
    assert main(["bench", "--json"]) == 0
    assert measured == [name for name in names if name != "fragmentation"]
    measured.clear()
    assert main(["bench", "--json", "fragmentation", "speed", "speed"]) == 0
    assert measured == ["speed", "fragmentation"]
    with pytest.raises(SystemExit):
        main(["bench", "spee"])
    assert "'spee'" in capsys.readouterr().err
