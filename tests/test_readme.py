"""The READMEs are true: each code block runs and type-checks, and prints what it says it prints."""

import doctest
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import NamedTuple

import pytest

from rheap._core import TraceParser

ROOT = Path(__file__).parent.parent
PAGES = {name: ROOT / name for name in ("README.md", "python/README.md", "cpp/README.md")}
KINDS = {"python", "pycon", "sh", "text"}


class Code(NamedTuple):
    """A block of code: the page it stands on, its number there, what it is, and its text."""

    page: str
    number: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


CODE = [
    Code(name, number, kind, text)
    for name, path in PAGES.items()
    for number, (kind, text) in enumerate(
        re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    )
]


def of_kind(kind: str) -> list[Code]:
    return [code for code in CODE if code.kind == kind]


PROGRAMS = {
    match[1]: code.text
    for code in of_kind("python")
    if (match := re.match(r"# (\w+\.py)\n", code.text))
}
"""Those that a page gives a file name: they run at the same time, as processes of their own."""

COMMANDS = [
    line
    for code in of_kind("sh")
    for line in code.text.splitlines()
    if line.startswith(".venv/bin/rheap")
]


def test_has_the_two_commands() -> None:
    commands = [line for code in of_kind("sh") for line in code.text.splitlines()]
    assert (
        "python3 -m venv .venv && .venv/bin/pip install '.[cli]' && .venv/bin/rheap tour"
        in commands
    )
    assert ".venv/bin/pip install -r tests/requirements.txt && .venv/bin/pytest" in commands


@pytest.mark.parametrize(
    "code", [code for code in of_kind("python") if code.text not in PROGRAMS.values()], ids=str
)
def test_code_runs(code: Code, tmp_path: Path) -> None:
    program = tmp_path / "program.py"  # so that processes it starts find its functions
    program.write_text(code.text)
    done = subprocess.run(
        [sys.executable, "-W", "error", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


CAST = [("camera.py", "detector.py", "viewer.py"), ("worker.py",) * 3]
REQUESTS = """
for number in 2 * [*range(400)]:
    assert thumbnail(f"{number % 400}").shape == (256, 256, 3)
cache.check()
"""


@pytest.mark.slow
@pytest.mark.parametrize("names", [*CAST, CAST[0][::-1]], ids=" ".join)
def test_programs_run_together(names: tuple[str, ...]) -> None:
    unique = str(uuid.uuid4())
    running = []
    for name in names:
        text = PROGRAMS[name] + (REQUESTS if name == "worker.py" else "")
        text = re.sub(r'"(camera|thumbnails)"', rf'"\1 {unique}"', text)
        command = [sys.executable, "-W", "error", "-c", text]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        time.sleep(0.1)  # so that this is the order
    for process in running:
        words = process.communicate(timeout=60)[1]
        assert process.returncode == 0, words


def test_each_program_runs_and_is_short() -> None:
    assert PROGRAMS.keys() == {name for names in CAST for name in names}
    for text in PROGRAMS.values():
        assert len(text.splitlines()) - 1 <= 15


@pytest.mark.slow
def test_code_passes_mypy_strict(tmp_path: Path) -> None:
    for code in of_kind("python"):
        name = re.sub(r"\W", "_", f"{code.page}_{code.number}")
        (tmp_path / f"{name}.py").write_text(code.text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.12", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("code", of_kind("pycon"), ids=str)
def test_sessions_print_what_they_say(code: Code) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(code.text, {}, code.page, code.page, 0)
    assert doctest.DocTestRunner(optionflags=flags).run(test).failed == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_do_what_they_say(command: str, tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "PROGRAM.py").write_text("import sys\nprint(sys.argv[1])\n")
    done = subprocess.run(
        command.replace(".venv/bin/rheap", f"{sys.executable} -m rheap"),
        shell=True,
        cwd=tmp_path,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = {path.name for path in tmp_path.iterdir()} - {"tests", "PROGRAM.py"}
    assert made == set(re.findall(r"run\.svg|run\.html|PROGRAM\.trace\.gz", command))


def test_the_guide_shows_a_trace() -> None:
    (text,) = [code.text for code in of_kind("text") if code.text.startswith("# rheap")]
    parser = TraceParser("the guide")
    parser.feed(text.encode())
    trace = parser.finish()
    assert (len(trace), trace.torn_line, trace.peak_bytes) == (7, None, 484)
    assert [bytes_ for _, bytes_, _ in trace.shares_after(6)] == [320, 64]
    assert trace.times() is not None and trace.threads() is not None


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {code.kind for code in CODE} <= KINDS


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = PAGES[name]
    anchors = {
        target: {
            re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        }
        for target in PAGES.values()
    }
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors[target], link
