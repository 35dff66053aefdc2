"""The pytest plugin, in runs of pytest of its own."""

import re

import pytest
from support import run_python

STRICT = (
    *("-W", "error", "--strict-markers", "-p", "no:cacheprovider"),
    # As in pyproject.toml, for a package that is built in place.
    *("-W", "ignore:Module already imported so cannot be rewritten; _editable"),
)
# Each of these runs would import Hypothesis again, which takes longer than all the rest.
QUICK = (*STRICT, "-p", "no:hypothesispytest")


@pytest.fixture
def outcome(pytester):
    """`outcome(code)` runs a file of tests: what became of them, and what was printed."""

    def run(code):
        pytester.makepyfile(code)
        result = pytester.runpytest_inprocess(*QUICK)
        counts = {name: n for name, n in result.parseoutcomes().items() if name != "seconds"}
        return counts, result.stdout.str()

    return run


def test_the_plugin_imports_neither_rheap_nor_numpy():
    run_python("""
        import sys
        import pytest_rheap
        assert not {"rheap", "rheap._core", "numpy", "rich"} & set(sys.modules)
    """)


def test_rheap_does_not_import_pytest():
    run_python(
        "import sys, rheap; assert not {'pytest', '_pytest', 'pytest_rheap'} & set(sys.modules)"
    )


def test_a_run_that_never_asks_for_the_fixture_never_imports_rheap(pytester):
    pytester.makepyfile("""
        import sys

        def test_it():
            assert "pytest_rheap" in sys.modules
            assert "rheap" not in sys.modules
    """)
    result = pytester.runpytest_subprocess(*STRICT)
    result.assert_outcomes(passed=1)


def test_each_test_has_a_debug_heap_of_its_own(outcome):
    counts, _ = outcome("""
        seen = []

        def test_first(rheap_heap):
            seen.append(rheap_heap)
            assert rheap_heap.debug and rheap_heap.capacity == 64 << 20

        def test_second(rheap_heap):
            assert rheap_heap is not seen[0]
            assert seen[0].closed
    """)
    assert counts == {"passed": 2}


def test_blocks_that_are_freed_dropped_or_closed_pass(outcome):
    counts, _ = outcome("""
        def test_freed(rheap_heap):
            rheap_heap.alloc(100).free()

        def test_with(rheap_heap):
            with rheap_heap.alloc(100) as block:
                block[:] = bytes(100)

        def test_a_local(rheap_heap):
            block = rheap_heap.alloc(100)
            assert block.size == 100

        def test_a_view_in_a_local(rheap_heap):
            view = rheap_heap.alloc(100).view()
            assert len(view) == 100

        def test_a_cycle(rheap_heap):
            cycle = [rheap_heap.alloc(100)]
            cycle.append(cycle)
    """)
    assert counts == {"passed": 5}


def test_blocks_that_remain_fail_the_test_and_are_listed_by_line(outcome):
    counts, printed = outcome("""
        kept = []

        def test_it(rheap_heap):
            kept.append(rheap_heap.alloc(1000))
            for _ in range(3):
                kept.append(rheap_heap.alloc(10))
    """)
    assert counts == {"passed": 1, "errors": 1}
    assert "blocks remain in rheap_heap at the end of the test:\n" in printed
    assert re.search(
        r"\n1000 B in 1 block: .*py:4 test_it\n30 B in 3 blocks: .*py:6 test_it", printed
    )
    assert "leaks=False" in printed
    assert "pytest_rheap" not in printed  # no frame of the plugin


def test_why_a_closed_block_remains_is_told(outcome):
    counts, printed = outcome("""
        import warnings

        kept = []

        def test_viewed(rheap_heap):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with rheap_heap.alloc(100) as block:
                    kept.append(block.view())

        def test_exposed(rheap_heap):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with rheap_heap.alloc(100) as block:
                    memoryview(block).release()
                    kept.append(block)
    """)
    assert counts == {"passed": 2, "errors": 2}
    assert "1 lingering (1 seen by views): " in printed
    assert "1 lingering (1 exposed, waiting for the last reference): " in printed


def test_a_leak_of_one_test_does_not_touch_the_next(outcome):
    counts, _ = outcome("""
        kept = []

        def test_leaks(rheap_heap):
            kept.append(rheap_heap.alloc(100))

        def test_is_fine(rheap_heap):
            assert kept[0].freed
            rheap_heap.alloc(100)
    """)
    assert counts == {"passed": 2, "errors": 1}


def test_a_test_that_closed_its_heap_is_fine(outcome):
    counts, _ = outcome("""
        kept = []

        def test_closed(rheap_heap):
            kept.append(rheap_heap.alloc(100))
            kept.append(rheap_heap.alloc(100).view())
            rheap_heap.close()

        def test_closed_by_with(rheap_heap):
            with rheap_heap:
                kept.append(rheap_heap.alloc(100))
    """)
    assert counts == {"passed": 2}


@pytest.mark.parametrize("end", ["assert False", "pytest.skip()", "pytest.xfail()"])
def test_a_test_that_did_not_pass_is_not_judged(outcome, end):
    counts, printed = outcome(f"""
        import pytest

        kept = []

        def test_it(rheap_heap):
            kept.append(rheap_heap.alloc(100))
            block = rheap_heap.alloc(100)
            view = block.view()
            {end}
    """)
    (result,) = counts
    assert counts == {result: 1}
    assert result in ("failed", "skipped", "xfailed")
    assert "blocks remain" not in printed


def test_an_expected_exception_holds_no_blocks(outcome):
    counts, _ = outcome("""
        import pytest

        def test_it(rheap_heap):
            def fail():
                block = rheap_heap.alloc(100)
                view = block.view()
                raise LookupError
            with pytest.raises(LookupError) as caught:
                fail()
            assert caught.value is not None
    """)
    assert counts == {"passed": 1}


def test_blocks_of_other_fixtures_do_not_remain(outcome):
    counts, _ = outcome("""
        import pytest

        @pytest.fixture
        def freed(rheap_heap):
            with rheap_heap.alloc(100) as block:
                yield block

        @pytest.fixture
        def dropped(rheap_heap):
            return rheap_heap.alloc(100)

        @pytest.fixture
        def factory(rheap_heap):
            made = []
            yield lambda: made.append(rheap_heap.alloc(100))
            for block in made:
                block.free()

        def test_it(freed, dropped, factory):
            factory()
            assert freed.size + dropped.size == 200
    """)
    assert counts == {"passed": 1}


def test_an_error_of_another_fixture_stands_alone(outcome):
    counts, printed = outcome("""
        import pytest

        kept = []

        @pytest.fixture
        def broken(rheap_heap):
            yield
            raise LookupError("mine")

        def test_it(rheap_heap, broken):
            kept.append(rheap_heap.alloc(100))

        def test_its_heap_was_closed():
            assert kept[0].freed
    """)
    assert counts == {"passed": 2, "errors": 1}
    assert "LookupError: mine" in printed
    assert "blocks remain" not in printed


def test_the_marker_changes_capacity_and_verdict(outcome):
    counts, printed = outcome("""
        import pytest

        pytestmark = pytest.mark.rheap(capacity="2 MiB", leaks=False)
        kept = []

        def test_the_file(rheap_heap):
            kept.append(rheap_heap.alloc(100))
            assert rheap_heap.capacity == 2 << 20

        @pytest.mark.rheap(capacity=4096)
        def test_the_nearest_counts_the_rest_stays(rheap_heap):
            kept.append(rheap_heap.alloc(100))
            assert rheap_heap.capacity == 4096

        @pytest.mark.rheap(leaks=True)
        def test_judged_again(rheap_heap):
            kept.append(rheap_heap.alloc(100))
    """)
    assert counts == {"passed": 3, "errors": 1}
    assert "py:17 test_judged_again" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("'1 MiB'", "takes capacity= and leaks=, not '1 MiB'"),
        ("capcity=3, leak=1", "takes capacity= and leaks=, not capcity=3, leak=1"),
        ("leaks='no'", "leaks must be True or False, not 'no'"),
        ("capacity='many'", "capacity"),
        ("capacity=3", "capacity must be from"),
        ("capacity=2**70", ""),
        ("capacity=None", "capacity"),
    ],
)
def test_wrong_arguments_are_told(outcome, arguments, words):
    counts, printed = outcome(f"""
        import pytest

        @pytest.mark.rheap({arguments})
        def test_it(rheap_heap):
            pass
    """)
    assert counts == {"errors": 1}
    assert "@pytest.mark.rheap" in printed and words in printed
    assert "Traceback" not in printed and "pytest_rheap" not in printed


def test_the_marker_is_listed(pytester):
    result = pytester.runpytest_inprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.rheap(capacity=*leaks=True): *"])


def test_the_fixture_is_listed(pytester):
    result = pytester.runpytest_inprocess("--fixtures")
    result.stdout.fnmatch_lines(["rheap_heap*", "*A debug heap of the test's own*"])


def test_damage_is_told_in_one_sentence(outcome):
    counts, printed = outcome("""
        import ctypes

        kept = []

        def test_it(rheap_heap):
            kept.append(rheap_heap.alloc(100))
            other = rheap_heap.alloc(8)
            base = other.address - other.offset
            other.free()
            ctypes.memset(base + kept[0].offset - 8, 65, 8)
    """)
    assert counts == {"passed": 1, "errors": 1}
    assert "rheap_heap: heap damaged at +0x4ff8" in printed
    assert "pytest_rheap" not in printed  # no frame of the plugin
