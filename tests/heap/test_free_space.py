"""The free space has one definition: what fits now, and what fits once all is merged."""

import random
import re
from itertools import groupby

import pytest
from support import TRACES, rounds

import rheap
from rheap import _core
from rheap.commands.arguments import COALESCING
from rheap.commands.main import main
from rheap.format.sizes import format_size
from rheap.pictures.svg import map_svg
from rheap.replay.measure import Scheme, capacity_for, inspect
from rheap.traces import load
from rheap.traces.exercises import make_trace, random_operations

WORD = 8
SHIPPED = sorted(TRACES.glob("*.trace.gz"))
FIGURES = ("largest_now", "largest_merged", "fragmentation", "fragmentation_merged")


def aged(seed, policy, coalesce, debug):
    """A heap after some hundred operations, and its blocks."""
    pick = random.Random(seed)
    options = {"policy": policy, "coalesce": coalesce, "debug": debug, "auto_compact": False}
    heap = rheap.Heap(8 * pick.randrange(500, 1500), **options)
    blocks = []
    for _ in range(pick.randrange(300)):
        if blocks and pick.random() < 0.4:
            blocks.pop(pick.randrange(len(blocks)))
        else:
            try:
                blocks.append(heap.alloc(pick.choice([8, 24, 100, pick.randrange(900)])))
            except rheap.HeapExhausted:
                del blocks[::3]
    return heap, blocks


def counted(heap):
    """The figures as a reader finds them in the picture: stretches that no live block has."""
    spans = [span for span in heap.map().spans if span.kind != "word"]
    wilderness = [span for span in spans if span.kind == "wilderness"]
    holes = [
        (span.kind in ("free", "deferred"), span.end - span.start + WORD)
        for span in spans
        if span.block is not None and span.kind != "fence"
    ]
    holes += [(True, span.end - span.start) for span in wilderness]
    now = [size for is_hole, size in holes if is_hole]
    merged = [
        sum(size for _, size in run)
        for is_hole, run in groupby(holes, lambda hole: hole[0])
        if is_hole
    ]
    overhead = WORD + (8 if heap.debug else 0)
    return (
        max(now, default=overhead) - overhead,
        max(merged, default=overhead) - overhead,
        1 - max(now) / sum(now) if now else 0.0,
        1 - max(merged) / sum(merged) if merged else 0.0,
    )


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("coalesce", COALESCING)
@pytest.mark.parametrize("policy", _core.POLICIES)
def test_figures_are_what_is_drawn_and_what_a_request_gets(policy, coalesce, debug):
    for seed in range(rounds(15)):
        heap, blocks = aged(seed, policy, coalesce, debug)
        stats = heap.stats()
        assert tuple(getattr(stats, name) for name in FIGURES) == pytest.approx(counted(heap))
        assert stats.largest_now <= stats.largest_merged
        if stats.largest_now:
            heap.alloc(stats.largest_now).free()
            heap.alloc(stats.largest_merged).free()
        with pytest.raises(rheap.HeapExhausted) as caught:
            heap.alloc(stats.largest_merged + 8)
        assert caught.value.largest == stats.largest_merged
        assert blocks or stats.live_blocks == 0


@pytest.mark.parametrize("coalesce", COALESCING)
def test_defrag_changes_the_figures_to_what_was_told(coalesce):
    fell = 0
    for seed in range(30):
        heap, blocks = aged(seed, "segregated", coalesce, False)
        before = heap.stats()
        told = heap.map().figures
        assert (" merged)" in told) == (before.largest_now < before.largest_merged)
        heap.defrag()
        after = heap.stats()
        assert after.largest_now == after.largest_merged == before.largest_merged
        assert after.fragmentation == after.fragmentation_merged == before.fragmentation_merged
        assert "merged" not in heap.map().figures
        fell += after.fragmentation < before.fragmentation
        assert blocks or after.live_blocks == 0
    assert (fell > 0) == (coalesce == "deferred")


def test_the_same_words_are_everywhere(capsys):
    for seed in range(100):
        heap, blocks = aged(seed, "segregated", "deferred", False)
        stats = heap.stats()
        if stats.largest_now < stats.largest_merged:
            break
    assert stats.largest_now < stats.largest_merged
    words = (
        f"largest request {format_size(stats.largest_now)} "
        f"({format_size(stats.largest_merged)} merged)",
        f"fragmentation {stats.fragmentation:.1%} ({stats.fragmentation_merged:.1%} merged)",
    )
    for picture in (str(heap.map().draw(400)), map_svg(heap.map())):
        assert all(each in picture for each in words)
    assert main(["view", "--random", "40", "--seed", "5"]) == 0
    assert re.search(r"largest request .*fragmentation", capsys.readouterr().out, re.DOTALL)
    assert blocks


def fragmentation_drawn(out):
    """(now, merged) of each picture, as printed."""
    text = " ".join(out.split())
    found = re.findall(r"fragmentation ([\d.]+%)(?: \(([\d.]+%) merged\))?", text)
    return [(now, merged or now) for now, merged in found]


@pytest.mark.slow
@pytest.mark.parametrize("trace", SHIPPED[:: len(SHIPPED) // rounds(3)], ids=lambda path: path.name)
def test_view_and_replay_agree(trace, capsys):
    policies = ("segregated", "first", "worst")
    schemes = [Scheme(policy, coalesce) for policy in policies for coalesce in COALESCING]
    options = [option for policy in policies for option in ("--policy", policy)]
    options += [option for coalesce in COALESCING for option in ("--coalesce", coalesce)]
    loaded = load(str(trace))
    placings = [inspect(loaded, scheme, capacity_for(loaded)) for scheme in schemes]
    for at in ("peak", "end"):
        assert main(["view", str(trace), "--at", at, *options]) == 0
        rooms = [getattr(placing, f"at_{at}") for placing in placings]
        assert fragmentation_drawn(capsys.readouterr().out) == [
            (f"{room.fragmentation:.1%}", f"{room.fragmentation_merged:.1%}") for room in rooms
        ]


@pytest.mark.parametrize("capacity", ["4 KiB", "600"])
def test_view_and_replay_agree_on_exercises_also_where_some_is_refused(capacity, capsys):
    for seed in range(rounds(10)):
        common = ["--random", "200", "--seed", str(seed), "--capacity", capacity]
        assert main(["view", *common]) == 0
        drawn = fragmentation_drawn(capsys.readouterr().out)
        trace = make_trace("exercise", random_operations(200, seed))
        room = inspect(
            trace, Scheme("segregated", "immediate"), rheap.Heap(capacity).capacity
        ).at_peak
        assert drawn == [(f"{room.fragmentation:.1%}", f"{room.fragmentation_merged:.1%}")]
