"""The core's own C++ tests: built once, then one pytest test for each of them."""

import importlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support import needs_compiler

pytestmark = [needs_compiler, pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent
NAMES = [
    name
    for source in sorted((ROOT / "tests" / "cpp").rglob("*_test.cpp"))
    for name in re.findall(r'^TEST\("(.+)"\)', source.read_text(), re.MULTILINE)
]


def tool(name: str, folder: str) -> str:
    """A build tool from the path, or from the Python package of its name."""
    found = shutil.which(name)
    return found or str(Path(getattr(importlib.import_module(name), folder)) / name)


def run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cmake = tool("cmake", "CMAKE_BIN_DIR")
    build = tmp_path_factory.mktemp("core")
    options = [
        "-DCMAKE_BUILD_TYPE=Debug",  # or NDEBUG would take the assertions out
        "-DCMAKE_CXX_FLAGS_DEBUG=-O1",
        "-DRHEAP_CHECK=2",
        "-DRHEAP_WERROR=ON",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja', 'BIN_DIR')}",
    ]
    commands: list[list[str | Path]] = [
        [cmake, "-S", ROOT, "-B", build, "-G", "Ninja", *options],
        [cmake, "--build", build, "--target", "rheap_cpp_tests"],
    ]
    for command in commands:
        done = run(command)
        if done.returncode != 0:
            pytest.fail(done.stdout, pytrace=False)
    return build / "tests" / "cpp" / "rheap_cpp_tests"


def test_every_cpp_test_is_known_here(program: Path) -> None:
    assert sorted(run([program, "--list"]).stdout.splitlines()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_cpp(program: Path, name: str) -> None:
    done = run([program, name])
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("1 passed, 0 failed\n"), done.stdout
