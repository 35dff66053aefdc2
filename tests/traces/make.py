"""Makes the traces in this folder again: `python tests/traces/make.py`.

Each program is recorded by `rheap record`, and what `rheap export` writes of that is kept, a number
used again once its block was freed: the form that every replayer reads, and half as long. The work
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
    command = [sys.executable, "-m", "rheap"]
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    recorded = [*command, "record", "-o", trace, program]
    subprocess.run(recorded, check=True, env=environment, stdout=subprocess.DEVNULL)
    exported = subprocess.run([*command, "export", trace], check=True, stdout=subprocess.PIPE)
    return shorten(exported.stdout.decode()).encode()


def shorten(exported: str) -> str:
    """The same operations with smaller numbers."""
    numbers: dict[str, int] = {}
    unused: list[int] = []
    lines = []
    for line in exported.splitlines()[4:]:
        kind, id_, *rest = line.split()
        if kind == "a":
            numbers[id_] = unused.pop() if unused else len(numbers)
        number = numbers[id_]
        if kind == "f":
            unused.append(numbers.pop(id_))
        lines.append(" ".join([kind, str(number), *rest]))
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
