"""What the system refuses: an OSError with size, errno and limit, and nothing has changed."""

import errno
import re
import sys

import pytest
from support import plain_build_only, run_python

pytestmark = [
    plain_build_only,
    pytest.mark.skipif(sys.platform != "linux", reason="the limits count mappings on Linux only"),
]


def test_a_refused_mapping_names_size_errno_and_limit():
    out = run_python(
        """
        import resource, rheap
        kept = rheap.Heap("1 MiB")
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))
        for prefault in (False, True):
            try:
                rheap.Heap("2 GiB", prefault=prefault)
            except OSError as error:
                print(error.errno, str(error).replace("\\n", " "))
        kept.check()
        rheap.Heap("1 MiB").alloc(1000)[:] = bytes(1000)
        """
    )
    lines = out.splitlines()
    assert len(lines) == 2
    for line in lines:
        code, _, words = line.partition(" ")
        assert int(code) == errno.ENOMEM
        assert "RLIMIT_AS" in words
        assert str(1 << 30) in words
        assert any(int(number) >= 2 << 30 for number in re.findall(r"\d+", words))


GROW_UNTIL_REFUSED = """
    import resource, rheap
    heap = rheap.Heap("1 GiB", coalesce="{coalesce}")
    kept = heap.alloc(1000)
    kept[:] = bytes(range(250)) * 4
    resource.setrlimit(resource.RLIMIT_DATA, (200 << 20, resource.RLIM_INFINITY))
    try:
        {grow}
    except OSError as error:
        print(error.errno, str(error).replace("\\n", " "))
    heap.check()
    stats = heap.stats()
    assert (stats.live_blocks, stats.live_bytes) == (1, 1000), stats
    assert (kept.size, kept[:]) == (1000, bytes(range(250)) * 4)
    heap.alloc(100_000)[:] = bytes(100_000)
    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
    assert heap.alloc(400 << 20).size == 400 << 20
    heap.check()
"""


@pytest.mark.parametrize("coalesce", ["deferred", "immediate"])
@pytest.mark.parametrize("grow", ["heap.alloc(400 << 20)", "kept.resize(400 << 20)"])
def test_refused_growth_names_size_and_errno_and_changes_nothing(grow, coalesce):
    code, _, words = run_python(GROW_UNTIL_REFUSED.format(grow=grow, coalesce=coalesce)).partition(
        " "
    )
    assert int(code) == errno.ENOMEM
    assert any(int(number) >= 399 << 20 for number in re.findall(r"\d+", words))


def test_refused_growth_names_the_limit_that_stopped_it():
    out = run_python(GROW_UNTIL_REFUSED.format(grow="heap.alloc(400 << 20)", coalesce="deferred"))
    assert "RLIMIT_DATA" in out
    assert str(200 << 20) in out


def test_growth_is_refused_only_when_merging_all_does_not_help():
    run_python(
        """
        import resource, rheap
        heap = rheap.Heap("1 GiB")
        blocks = [heap.alloc(500) for _ in range(120_000)]
        kept = heap.alloc(1000)
        blocks.clear()
        assert heap.stats().deferred_blocks > 50_000
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 20, resource.RLIM_INFINITY))
        block = heap.alloc(50 << 20)
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
        assert block.offset < kept.offset
        heap.check()
        """
    )
