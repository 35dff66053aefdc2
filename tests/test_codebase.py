"""The rules of the code base that a program can check."""

import importlib.util
import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import rheap
from rheap import _core

TOP = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for folder in ("cpp", "python", "tests")
    for path in (TOP / folder).rglob("*")
    if path.suffix in {".py", ".pyi", ".hpp", ".cpp"}
)
CPP = [path for path in SOURCES if path.suffix in {".hpp", ".cpp"}]


def run(*command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_top_level_holds_what_it_should() -> None:
    allowed = {"pyproject.toml", "CMakeLists.txt", "cpp", "python", "tests", "README.md", "LICENSE"}
    listed = subprocess.run(
        ["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    found = {name.split("/")[0] for name in listed.stdout.splitlines()}
    assert {name for name in found if not name.startswith(".")} <= allowed


def test_core_never_sees_python() -> None:
    for path in (TOP / "cpp" / "core").iterdir():
        text = path.read_text()
        assert not re.search(r'#include [<"](Python\.h|pybind11|\.\./)', text), path


def test_recordings_know_no_python_and_little_of_the_core() -> None:
    for path in (TOP / "cpp" / "record").iterdir():
        text = path.read_text()
        assert not re.search(r'#include [<"](Python\.h|pybind11)', text), path
        included = set(re.findall(r'#include "\.\./(\w+/\w+)\.hpp"', text))
        assert included <= {"core/errors", "core/lock", "core/system"}, path


def test_bindings_hold_no_allocator() -> None:
    for path in (TOP / "cpp" / "bindings").iterdir():
        included = set(re.findall(r'#include "\.\./core/(\w+)\.hpp"', path.read_text()))
        assert included <= {"heap", "errors", "policy"}, path


def test_replay_stands_between_core_and_bindings() -> None:
    for path in (TOP / "cpp" / "replay").iterdir():
        text = path.read_text()
        assert not re.search(r'#include [<"](Python\.h|pybind11|\.\./(?!core/))', text), path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TOP)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450


def test_version_is_written_once() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    assert rheap.__version__ == project["version"]
    for path in SOURCES:
        assert f'"{project["version"]}"' not in path.read_text(), path


def test_public_names_have_docstrings() -> None:
    for name in rheap.__all__:
        assert getattr(rheap, name).__doc__, name
    for cls in (rheap.Heap, rheap.Block, rheap.Pin, rheap.HeapStats, rheap.HeapMap):
        for name, member in vars(cls).items():
            if not name.startswith("_") and not inspect.ismemberdescriptor(member):
                assert member.__doc__, f"{cls.__name__}.{name}"


def test_hot_methods_are_plain_descriptors() -> None:
    # The interpreter specialises the call only for a descriptor of the object's very own class.
    descriptor = type(vars(bytes)["find"])
    for cls in (rheap.Heap, _core.Heap):
        for name in ("alloc", "free"):
            assert type(vars(cls)[name]) is descriptor
            assert vars(cls)[name].__objclass__ is cls


def test_ruff() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_mypy() -> None:
    run(sys.executable, "-m", "mypy", "--strict", "python/rheap", "python/pytest_rheap")


def test_stub_agrees_with_the_module(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(
        # Their metaclass is pybind11's own, and these two are made by others.
        r"rheap\._core\.(Chronicle|Heap|HeapRecorder|HeapWatch|Inspection|MallocWatch|Trace|TraceParser)"
        + "\n"
        r"rheap\._core\.(Chronicle|Trace)\.__init__" + "\n"
        # How types say "buffer" for every Python; only 3.12 and later have the methods.
        r"rheap\._core\.(Block|Pin)\.__(release_)?buffer__" + "\n"
    )
    options = ["--allowlist", allowed, "--ignore-unused-allowlist"]
    run(sys.executable, "-m", "mypy.stubtest", "rheap._core", *options)


def test_clang_format() -> None:
    binary = shutil.which("clang-format", path=str(Path(sys.executable).parent))
    assert binary is not None and importlib.util.find_spec("clang_format") is not None
    run(binary, "--dry-run", "-Werror", *CPP)
