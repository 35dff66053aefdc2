"""`heap.array` carries the dtype through to the type checker."""

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
import rheap

heap = rheap.Heap("1 MiB")
reveal_type(heap.array(3))
reveal_type(heap.array((2, 3), np.uint8))
reveal_type(heap.array(3, np.dtype(np.int16), zero=True))
reveal_type(heap.array(3, "f4"))
"""


@pytest.mark.slow
def test_the_type_of_an_array_names_its_dtype(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.12", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    revealed = [line for line in done.stdout.splitlines() if "Revealed type" in line]
    for line, dtype in zip(
        revealed, ("float64", "unsignedinteger", "signedinteger", "Any"), strict=True
    ):
        assert dtype.lower() in line.lower().replace(
            "floating[numpy._typing._nbit_base._64bit]", "float64"
        ), line
