"""A real program, recorded and played on the heap."""

from .stage import Story

NEXT = "rheap record -m this && rheap view this.trace.gz --svg this.svg"


def chapter() -> Story:
    """A real program's trace"""
    yield (
        "`rheap record` runs a Python program unchanged and writes down each allocation of the "
        "interpreter. Here is one that comes with Python, and prints the calendar of a year:"
    )
    import subprocess
    import sys
    import tempfile
    from os import path

    folder = tempfile.TemporaryDirectory()
    trace = path.join(folder.name, "calendar.trace")
    rheap = [sys.executable, "-m", "rheap"]
    record = [*rheap, "record", "-o", trace, "-m", "calendar", "2026"]
    done = subprocess.run(record, check=True, capture_output=True, text=True)
    print(done.stderr.partition(", at most")[0])
    with open(trace) as file:
        print(*[next(file).strip() for _ in range(4)], sep="\n")
    yield (
        "One operation a line: a allocates so many bytes, r reallocates, f frees, a block that was "
        "made so many allocations ago. `rheap view` plays it on a heap and draws the region, here "
        "where most is live:"
    )
    from rheap.commands.main import main

    main(["view", trace])
    yield (
        "And `rheap replay` measures: how long an operation takes, how much of the region was of "
        "use at the peak (beside the most that any heap with such words could reach), how many "
        "blocks a request looked at:"
    )
    policies = ["--policy", "segregated", "--policy", "first"]
    main(["replay", trace, "--repeat", "3", *policies])
    folder.cleanup()
