"""The exposure rule against everything that a consumer may keep (exposure/matrix.py)."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from support import needs_compiler

pytestmark = needs_compiler

HERE = Path(__file__).parent / "exposure"


@pytest.fixture(scope="session")
def consumer(tmp_path_factory):
    """The folder of a compiled module that keeps what it is told to keep."""
    folder = tmp_path_factory.mktemp("consumer")
    target = folder / f"consumer{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_path("include")
    command = ["c++", "-std=c++20", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", f"-I{include}"]
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    subprocess.run(
        [*command, "-o", str(target), str(HERE / "consumer.cpp")], check=True, env=environment
    )
    return folder


@pytest.mark.parametrize(
    "mode",
    [
        "plain",
        pytest.param("traced", marks=pytest.mark.slow),
        pytest.param("profiled", marks=pytest.mark.slow),
        pytest.param("cProfile", marks=pytest.mark.slow),
        pytest.param(
            "monitored",
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(sys.version_info < (3, 12), reason="came with 3.12"),
            ],
        ),
        pytest.param("import under a profiler", marks=pytest.mark.slow),
        pytest.param("import under a tracer", marks=pytest.mark.slow),
    ],
)
def test_nothing_dangles_and_names_do_not_delay(consumer, mode):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", HERE / "matrix.py", consumer, mode],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    assert done.stdout.endswith(" cases\n")
