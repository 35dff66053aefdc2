"""The pytest plugin of rheap: the fixture `rheap_heap` and the marker `rheap`.

pytest imports this in every run of everybody who has rheap installed. So it stands outside the
package, and imports `rheap` only when a test asks for the fixture.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rheap import Heap, Leaks

DEFAULTS = {"capacity": "64 MiB", "leaks": True}
MARKER = (
    'rheap(capacity="64 MiB", leaks=True): the bytes of the fixture rheap_heap, and whether blocks '
    "that remain in it at the end fail the test"
)

_heap = pytest.StashKey["Heap"]()
_judges = pytest.StashKey[bool]()
_passed = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def rheap_heap(request: pytest.FixtureRequest) -> Heap:
    """A debug heap of the test's own; blocks that remain when the test has passed fail it.

    `@pytest.mark.rheap(capacity="1 MiB", leaks=False)` changes its size in bytes and lets blocks
    remain. What other fixtures free while they are torn down does not remain. A test that closes
    the heap has settled its blocks. A test that failed is not judged: its traceback holds them.
    """
    from rheap import Heap

    item = request.node
    settings = _settings(item)
    try:
        heap = Heap(settings["capacity"], debug=True)
    except (TypeError, ValueError, OverflowError) as error:
        pytest.fail(f"@pytest.mark.rheap: {error}", pytrace=False)
    item.stash[_heap] = heap
    item.stash[_judges] = settings["leaks"]
    return heap


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remembers whether the test passed."""
    report = yield
    if report.when == "call":
        item.stash[_passed] = report.passed
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Looks at the heap when all fixtures of the test are torn down, then closes it."""
    try:
        result = yield
        _judge(item)
    finally:
        if _heap in item.stash:
            item.stash[_heap].close()
            del item.stash[_heap]
    return result


def _settings(item: pytest.Item) -> dict[str, Any]:
    """What the markers say; those of the test itself count more than those of its class."""
    settings: dict[str, Any] = dict(DEFAULTS)
    for marker in reversed(list(item.iter_markers("rheap"))):
        wrong = [repr(value) for value in marker.args]
        wrong += [
            f"{name}={value!r}" for name, value in marker.kwargs.items() if name not in settings
        ]
        if wrong:
            pytest.fail(
                f"@pytest.mark.rheap takes capacity= and leaks=, not {', '.join(wrong)}",
                pytrace=False,
            )
        settings |= marker.kwargs
    if not isinstance(settings["leaks"], bool):
        pytest.fail(
            f"@pytest.mark.rheap: leaks must be True or False, not {settings['leaks']!r}",
            pytrace=False,
        )
    return settings


def _judge(item: pytest.Item) -> None:
    if _heap not in item.stash or not item.stash[_judges] or not item.stash.get(_passed, False):
        return
    from rheap import HeapCorruption

    heap = item.stash[_heap]
    try:
        leaks = () if heap.closed else heap.leaks() and _leaks_after_collection(item, heap)
    except HeapCorruption as error:
        pytest.fail(f"rheap_heap: {error}", pytrace=False)
    if leaks:
        pytest.fail(
            f"blocks remain in rheap_heap at the end of the test:\n{leaks}\n"
            "free them, drop what refers to them, or allow it by @pytest.mark.rheap(leaks=False)",
            pytrace=False,
        )


def _leaks_after_collection(item: pytest.Item, heap: Heap) -> Leaks:
    # pytest itself lets the fixtures' values go only after this, and they may be blocks.
    if isinstance(item, pytest.Function):
        item.funcargs.clear()
    gc.collect()
    return heap.leaks()
