"""What a heap says of itself at the end of the day."""

import rheap

from .stage import Story


def of_the_working_heap(heap: rheap.Heap) -> Story:
    """The figures"""
    yield (
        "The heap that the file and the arrays went through, at the end. check() walks the whole "
        "region and raises if any invariant does not hold:"
    )
    heap.check()
    stats = heap.stats()
    print(stats)
    yield (
        "All is given back. peak_bytes is what a cap must allow for. resident_bytes stay with the "
        "process, warm for the next request, until trim() gives them back to the system:"
    )
    print(f"defrag: {heap.defrag()} merges")
    print(f"trim: {heap.trim():,} bytes returned to the system")
    print(f"resident: {heap.stats().resident_bytes:,} bytes")
