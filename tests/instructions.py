"""How many instructions the hot paths take, and whether they take more than they did.

Counted by valgrind's callgrind, so a busy machine changes nothing. Of each statement an empty loop
in the same interpreter is taken off. The figures of each Python stand in instructions.json:

    python tests/instructions.py           # compare with them; fails from 5 % more on
    python tests/instructions.py --write   # write this Python's anew

A figure belongs to a compiler, too: after a change of that write them anew on an older commit.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

FIGURES = Path(__file__).with_name("instructions.json")
TRACE = Path(__file__).parent / "traces" / "compile_package.trace.gz"
PYTHON = ".".join(map(str, sys.version_info[:2]))
MARGIN = 1.05
LOOPS = 2000
STATEMENTS = {
    "alloc(64) and drop": "heap.alloc(64)",
    "with alloc(64)": "with heap.alloc(64): pass",
    "array(64, 'u1') and drop": "heap.array(64, 'u1')",
}
REPLAY = "an operation of a replay"


def work() -> None:
    """What is counted: between one call of getppid and the next."""
    import timeit

    import rheap
    from rheap.traces.reading import load

    def counted(timer: timeit.Timer, loops: int) -> None:
        timer.timeit(loops // 10)
        os.getppid()
        timer.timeit(loops)
        os.getppid()

    heap = rheap.Heap("1 GiB")
    for statement in ("pass", *STATEMENTS.values()):
        if "array" not in statement or find_spec("numpy"):
            counted(timeit.Timer(statement, globals={"heap": heap}), LOOPS)
    trace = load(str(TRACE))
    watch = rheap._core.HeapWatch(trace, 2 * trace.peak_block_bytes, False, "segregated")
    watch.run()
    os.getppid()
    watch.run()
    os.getppid()
    print(len(trace))


def count() -> dict[str, float]:
    """The figures of this Python and of the rheap that it has."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--dump-before=getppid",
                f"--callgrind-out-file={folder}/out",
                f"--log-file={folder}/log",
                sys.executable,
                __file__,
                "--work",
            ],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        parts = sorted(Path(folder).glob("out.*"), key=lambda part: int(part.suffix[1:]))
        totals = [
            int(found[1])
            for part in parts
            if (found := re.search(r"^totals: (\d+)", part.read_text(), re.M))
        ]
    empty, *taken, replay = totals[1::2]
    names = [name for name in STATEMENTS if "array" not in name or find_spec("numpy")]
    figures = {
        name: round((one - empty) / LOOPS, 1) for name, one in zip(names, taken, strict=True)
    }
    return {**figures, REPLAY: round(replay / int(done.stdout), 1)}


def compare(found: dict[str, float], kept: dict[str, float]) -> bool:
    """Prints each beside what it was; returns whether none takes more than the margin allows."""
    good = True
    for name, figure in found.items():
        before = kept.get(name)
        more = before is not None and figure > before * MARGIN
        good = good and not more
        was = "no figure kept" if before is None else f"{before} kept"
        print(f"{name:28} {figure:8} instructions, {was}{'  MORE' if more else ''}")
    return good


def main() -> int:
    if "--work" in sys.argv:
        work()
        return 0
    if shutil.which("valgrind") is None:
        print("SKIPPED: there is no valgrind to count instructions with")
        return 0
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    found = count()
    good = compare(found, figures.get(PYTHON, {}))
    if "--write" in sys.argv:
        figures[PYTHON] = found
        FIGURES.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
        return 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
