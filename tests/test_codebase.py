"""The rules of the code base that a program can check."""

import ast
import importlib.util
import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
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


FLOORS = {
    # A folder of cpp/, and what it may include besides itself.
    "core/system": set(),
    "core/region": {"core/system"},
    "core/free_space": {"core/region"},
    "core/allocator": {"core/free_space", "core/region", "core/system"},
    "core/handles": {"core/region", "core/system"},
    "core/compaction": {
        "core/handles", "core/allocator", "core/free_space", "core/region", "core/system",
    },
    "core/shared": {"core/region", "core/system"},
    "core/heap": {
        "core/shared", "core/compaction", "core/handles", "core/allocator", "core/free_space",
        "core/region", "core/system",
    },
    "trace": {"core/heap", "core/handles", "core/region", "core/system"},
    "replay": {
        "trace", "core/heap", "core/compaction", "core/handles", "core/allocator",
        "core/free_space", "core/region", "core/system",
    },
    "bindings/interpreter": {"core/heap", "core/region", "core/shared", "core/system", "trace"},
    "bindings/heap": {
        "bindings/interpreter", "core/heap", "core/compaction", "core/free_space", "core/region",
        "core/system", "trace",
    },
    "bindings/reports": {"bindings/heap", "bindings/interpreter", "core/heap", "core/free_space"},
    "bindings/traces": {
        "bindings/reports", "bindings/heap", "bindings/interpreter", "replay", "trace",
        "core/heap", "core/free_space",
    },
}  # fmt: skip


@pytest.mark.parametrize("folder", FLOORS)
def test_each_floor_stands_on_those_below(folder: str) -> None:
    files = [path for path in (TOP / "cpp" / folder).iterdir() if path.suffix in {".hpp", ".cpp"}]
    assert files
    for path in files:
        included = re.findall(r'#include "([^"]+)/[^/"]+"', path.read_text())
        assert set(included) <= {folder, *FLOORS[folder]}, path


def test_every_folder_is_a_floor() -> None:
    folders = {
        str(path.parent.relative_to(TOP / "cpp"))
        for path in CPP
        if path.parts[len(TOP.parts)] == "cpp"
    }
    assert folders == {*FLOORS, "bindings"}  # module.cpp, on top of all


MODULES = [path for path in SOURCES if (TOP / "python/rheap") in path.parents]


def dotted(path: Path) -> str:
    parts = path.relative_to(TOP / "python").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(path: Path, known: set[str]) -> Iterator[str]:
    """The package's own modules that a file imports anywhere: in functions and for types, too."""
    package = dotted(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                name = f"{source}.{alias.name}"
                yield from {name if name in known else source} & known


def test_python_modules_import_in_no_circle() -> None:
    known = {dotted(path) for path in MODULES}
    imports = {dotted(path): {*imported_by(path, known)} for path in MODULES}
    assert "rheap.reports" in imports["rheap.errors"]  # it sees something
    try:
        list(TopologicalSorter(imports).static_order())
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_python_folders_import_in_no_circle() -> None:
    # The package's own modules are what people import: they may stand below and above its folders.
    known = {dotted(path) for path in MODULES}
    imports: dict[str, set[str]] = {}
    for path in MODULES:
        if folder := folder_of(dotted(path)):
            others = {folder_of(name) for name in imported_by(path, known)} - {"", folder}
            imports.setdefault(folder, set()).update(others)
    assert imports["commands"] >= {"console", "pictures", "replay", "traces"}
    assert imports["pictures"] <= {"format"}
    try:
        list(TopologicalSorter(imports).static_order())
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))
    in_pictures = {
        name
        for path in MODULES
        if folder_of(dotted(path)) == "pictures"
        for name in imported_by(path, known)
    }
    assert not in_pictures & {"rheap", "rheap.heap", "rheap.default"}
    reports = TOP / "python/rheap/reports.py"
    assert "pictures" not in {folder_of(name) for name in imported_by(reports, known)}


def folder_of(module: str) -> str:
    """The folder of a module of the package; empty for those beside the folders."""
    first = (*module.split("."), "")[1]
    return first if (TOP / "python/rheap" / first).is_dir() else ""


def test_cpp_names_no_python_module() -> None:
    for path in (TOP / "cpp").rglob("*.?pp"):
        assert not re.search(r'Import\w*\("rheap|import\("rheap', path.read_text()), path


def test_import_loads_only_what_it_needs() -> None:
    code = "import sys; before = {*sys.modules}; import rheap; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unwanted = {
        "numpy", "rich", "importlib.metadata", "argparse", "fractions", "shutil",
        "dataclasses", "typing", "re", "enum", "inspect", "html", "textwrap",
        "rheap.reports", "rheap.pictures",
    }  # fmt: skip
    assert not unwanted & set(done.stdout.split())


def test_only_the_bindings_know_python() -> None:
    for path in (TOP / "cpp").rglob("*.?pp"):
        if "bindings" not in path.parts:
            assert not re.search(r"#include [<\"](Python\.h|pybind11)", path.read_text()), path


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


# `Heap::Options` and `Allocator::Options`: each class names what it is made with.
NESTED_TWINS = {"Options"}


def repeated(names: list[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def test_no_two_classes_of_cpp_share_a_name() -> None:
    defined = re.compile(r"^ *(?:class|struct) ((?:\w+::)*\w+)(?: final)?(?: : [^;]+)? \{", re.M)
    names = [
        name for path in (TOP / "cpp").rglob("*.?pp") for name in defined.findall(path.read_text())
    ]
    assert "Allocator" in names and "Parser::Fields" in names  # it sees something
    assert repeated(names) <= NESTED_TWINS


def test_no_two_classes_of_python_share_a_name() -> None:
    names = [
        node.name
        for path in (TOP / "python/rheap").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    assert "Heap" in names  # it sees something
    assert not repeated(names)


@pytest.mark.slow
def test_ruff() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


@pytest.mark.slow
def test_mypy() -> None:
    run(sys.executable, "-m", "mypy", "--strict", "python/rheap", "python/pytest_rheap")


@pytest.mark.slow
def test_stub_agrees_with_the_module(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(
        # Their metaclass is pybind11's own, and these are made by others.
        r"rheap\._core\.(Heap|HeapRecorder|HeapWatch|Inspection|MallocWatch|Rows|Snapshot|Tiling"
        r"|Timeline|Trace|TraceParser|Word)" + "\n"
        r"rheap\._core\.(Rows|Snapshot|Timeline|Trace)\.__init__" + "\n"
        # How types say "buffer" for every Python; only 3.12 and later have the methods.
        r"rheap\._core\.(Block|Pin)\.__(release_)?buffer__" + "\n"
    )
    options = ["--allowlist", allowed, "--ignore-unused-allowlist"]
    run(sys.executable, "-m", "mypy.stubtest", "rheap._core", *options)


@pytest.mark.slow
def test_clang_format() -> None:
    binary = shutil.which("clang-format", path=str(Path(sys.executable).parent))
    assert binary is not None and importlib.util.find_spec("clang_format") is not None
    run(binary, "--dry-run", "-Werror", *CPP)


@pytest.mark.slow
def test_biome() -> None:
    binary = shutil.which("biome", path=str(Path(sys.executable).parent))
    if binary is None:
        pytest.skip("biome is not installed: the extra `browser` has it")
    style = ["--line-width=100", "--indent-style=space"]
    run(binary, "check", *style, TOP / "python/rheap/player/web")


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_files_that_contributors_are_sent_to_exist(name: str) -> None:
    text = (TOP / ".github" / name).read_text()
    files = {path.name for path in SOURCES}
    named = set(re.findall(r"`(\w+\.(?:py|hpp|cpp))`", text))
    assert named <= files, named - files
    folders = set(re.findall(r"`((?:cpp|python|tests)/[\w/]*)`", text))
    assert all((TOP / folder).is_dir() for folder in folders), folders
