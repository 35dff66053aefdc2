"""A real program, recorded and played on the heap."""

from .stage import Chapter


def recorded_and_replayed() -> Chapter:
    """A real program's trace"""
    yield (
        "`rheap record` runs a Python program unchanged and writes down each allocation of the "
        "interpreter. Here is a small one that parses JSON:"
    )
    import subprocess
    import sys
    import tempfile
    from os import path

    folder = tempfile.TemporaryDirectory()
    program = path.join(folder.name, "program.py")
    trace = path.join(folder.name, "program.trace")
    with open(program, "w") as file:
        file.write('import json\nkept = [json.loads(\'[1, {"a": "b"}]\') for _ in range(500)]\n')
    command = [sys.executable, "-m", "rheap", "record", "-o", trace, program]
    done = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
    print(done.stderr.partition(", at most")[0])
    with open(trace) as file:
        print(*[next(file).strip() for _ in range(6)], sep="\n")
    yield (
        "One operation a line: a allocates, r reallocates, f frees; an id, a size, the "
        "microseconds since it began, the thread. `rheap view` plays it on a heap and draws the "
        "region, here where most is live:"
    )
    from rheap.cli import main

    main(["view", trace])
    yield (
        "And `rheap replay` measures: how long an operation takes, how much of the region was of "
        "use at the peak (beside the most that any heap with such words could reach), how many "
        "blocks a request looked at:"
    )
    main(["replay", trace, "--repeat", "3", "--policy", "segregated", "--policy", "first"])
    folder.cleanup()
    yield "Traces of more work lie under tests/traces in the repository."
