"""Makes the traces in this folder again: `python tests/traces/make.py`.

Each program is recorded by `rheap record`. Of its trace the operations are kept, without the time
and the thread, and a number is used again once its block was freed: that halves the files. The work
is the same each time, so what differs between two versions of Python is the interpreter's.
"""

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
PROGRAMS = sorted(FOLDER.glob("programs/*.py"))


def record(program: Path, trace: Path) -> bytes:
    """The operations of a program, one a line."""
    command = [sys.executable, "-m", "rheap", "record", "-o", trace, program]
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return shorten(gzip.decompress(trace.read_bytes()).decode()).encode()


def shorten(trace: str) -> str:
    """The same operations with smaller numbers and without further columns."""
    numbers: dict[str, int] = {}
    unused: list[int] = []
    lines = []
    for line in trace.splitlines():
        kind, id_, *rest = line.split()
        if kind == "#":
            continue
        if kind == "a":
            numbers[id_] = unused.pop() if unused else len(numbers)
        number = numbers[id_]
        if kind == "f":
            unused.append(numbers.pop(id_))
        lines.append(f"{kind} {number}" + (f" {rest[0]}" if kind != "f" else ""))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the trace of each program beside this file."""
    with tempfile.TemporaryDirectory() as scratch:
        for program in PROGRAMS:
            name = f"{program.stem}.trace.gz"
            operations = record(program, Path(scratch, name))
            (FOLDER / name).write_bytes(gzip.compress(operations, mtime=0))


if __name__ == "__main__":
    main()
