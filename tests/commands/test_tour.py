"""The command `rheap` and its tour, run as people run them."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import pty
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

import rheap
import rheap.commands.main
import rheap.commands.tour
from rheap.commands.tour.stage import Reader, play, steps
from rheap.console.terminal import Terminal

MODULE = [sys.executable, "-m", "rheap"]
SCRIPT = str(Path(sysconfig.get_path("scripts")) / "rheap")
FACTS = [
    "merges: 2",
    "equal: True",
    "HeapExhausted: cannot allocate 100 bytes: 224 of 512 are free, "
    "the largest request that fits is 56",
    "BlockPinned: cannot free block",
    "the view still reads b'hello'",
    "lingering blocks without it: 0",
    "BlockFreed: cannot read",
    "41 41 41 41 41 41 41 41",
    "HeapCorruption: heap damaged at",
    "HeapCorruption again",
    "b'keep this'",
    "pinned 0 bytes, live 0",
    "peak_bytes",
    "rheap record: ",
    "That was the tour.",
]

TO_PASTE = r"^(Next, try|The same in the player, step by step):\n(.+\n)+"

Environment = Callable[..., dict[str, str]]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Makes an environment: `without` names modules whose import fails there."""

    def make(*without: str, **variables: str) -> dict[str, str]:
        for module in without:
            (tmp_path / module).mkdir(exist_ok=True)
            (tmp_path / module / "__init__.py").write_text("raise ImportError('blocked')\n")
        plain = {
            name: value
            for name, value in os.environ.items()
            if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")
        }
        paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
        return {
            **plain,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONIOENCODING": "utf-8",
            "TERM": "xterm-256color",
            "COLUMNS": "80",
            **variables,
        }

    return make


def tour(command: list[str], environment: dict[str, str]) -> str:
    """What the tour writes when nothing goes wrong."""
    done = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def on_a_terminal(environment: dict[str, str]) -> str:
    """The same, with a terminal for stdout."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        MODULE,
        env=environment,
        stdin=subprocess.DEVNULL,  # so nobody is asked where to go
        stdout=slave,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(slave)
        parts = []
        with contextlib.suppress(OSError):  # how a terminal says that nobody writes any more
            while part := os.read(master, 65536):
                parts.append(part)
        os.close(master)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0
    return b"".join(parts).decode().replace("\r\n", "\n")


def unwrapped(text: str) -> str:
    """Without the breaks that the width makes."""
    return re.sub(r"\s*\n\s+", " ", text)


@pytest.mark.parametrize(
    "command", [MODULE, [SCRIPT], [SCRIPT, "tour"]], ids=["-m", "bare", "tour"]
)
def test_says_all_without_extras(command: list[str], environment: Environment) -> None:
    text = tour(command, environment("rich", "numpy"))
    for fact in FACTS:
        assert fact in unwrapped(text)
    assert "NumPy is not installed here" in text
    assert "squares: 800 bytes, the last is 9,801" in text
    assert "\x1b" not in text


@pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="needs NumPy")
def test_says_all_with_numpy(environment: Environment) -> None:
    text = tour(MODULE, environment())
    for fact in FACTS:
        assert fact in unwrapped(text)
    assert "image: 921,600 bytes" in text
    assert "NumPy is not installed" not in text


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 120])
def test_keeps_to_the_width(width: int, environment: Environment) -> None:
    text = tour(MODULE, environment(COLUMNS=str(width)))
    for line in re.sub(TO_PASTE, "", text, flags=re.MULTILINE).splitlines():
        code = line.startswith(("  >>> ", "  ... "))
        breakable = len(line.split()) > 1 and not code
        assert len(line) <= width or not breakable, line
    assert max(map(len, text.splitlines())) > width * 3 / 4


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("rich") is None, reason="needs rich")
def test_rich_adds_colour_and_no_words(environment: Environment) -> None:
    painted = on_a_terminal(environment())
    assert "\x1b[1m5  Three blocks become one" in painted
    assert re.search(r"\x1b\[[0-9;]*48;5;[0-9]+m#+", painted)
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", painted)
    plain = on_a_terminal(environment("rich"))
    assert "\x1b" not in plain
    assert "pip install 'rheap[cli]'" in plain
    assert "pip install 'rheap[cli]'" not in stripped
    headings = re.compile(r"^\d+  .+", re.MULTILINE)
    assert headings.findall(stripped) == headings.findall(plain)
    assert [line for line in stripped.splitlines() if ">>>" in line] == [
        line for line in plain.splitlines() if ">>>" in line
    ]


def test_no_color_is_honoured(environment: Environment) -> None:
    text = on_a_terminal(environment(NO_COLOR="1"))
    assert not re.search(r"\x1b\[(?:[0-9;]*;)?[34][0-9]", text)


def test_runs_where_only_ascii_can_be_shown(environment: Environment) -> None:
    assert tour(MODULE, environment(PYTHONIOENCODING="ascii")).isascii()


def test_a_closed_pipe_is_no_error(environment: Environment) -> None:
    process = subprocess.Popen(
        MODULE, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        shrink(process.stdout.fileno())
        assert process.stdout.readline().startswith(b"rheap ")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == rheap.commands.main.PIPE_CLOSED


def test_ctrl_c_is_no_traceback(environment: Environment) -> None:
    process = subprocess.Popen(
        MODULE, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    shrink(process.stdout.fileno())  # so that it waits for a reader in the middle of the tour
    assert process.stdout.readline().startswith(b"rheap ")
    process.send_signal(signal.SIGINT)
    text, errors = process.communicate(timeout=300)
    assert b"That was the tour." not in text
    assert errors == b""
    assert process.returncode == rheap.commands.main.INTERRUPTED


def shrink(pipe: int) -> None:
    """Makes a pipe hold one page, less than the tour writes."""
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)


def test_a_full_disk_is_told(environment: Environment) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            MODULE,
            check=False,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("rheap tour: ")
    assert done.stderr.count("\n") == 1


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        rheap.commands.main.main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"rheap {rheap.__version__}\n"


def test_an_unknown_chapter_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        rheap.commands.main.main(["tour", "nowhere"])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert all(name in error for name in ("nowhere", "word", "policies"))


@pytest.mark.parametrize(
    ("written", "meant"), [("tuor", "tour"), ("vew", "view"), ("VIEW", "view"), ("\udce9\n", None)]
)
def test_unknown_command(
    written: str, meant: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        rheap.commands.main.main([written])
    assert exit_.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"there is no command {written!r}." in error
    assert error.endswith("There are: tour, view, replay, record, export, shm, bench.")
    assert ("Did you mean" in error) == (meant is not None)
    assert meant is None or f"Did you mean {meant!r}?" in error


def test_help_lists_the_commands_in_the_order_of_a_new_reader(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        rheap.commands.main.main(["--help"])
    listed = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert listed == list(rheap.commands.main.COMMANDS)
    assert (listed[0], listed[-1]) == ("tour", "bench")


def test_leaves_the_default_heap_alone(capsys: pytest.CaptureFixture[str]) -> None:
    mine = rheap.init_heap("1 MiB")
    block = rheap.r_alloc(100)
    block[:] = bytes(range(100))
    columns = os.environ.get("COLUMNS")
    assert rheap.commands.tour.run() == 0
    assert capsys.readouterr().out.count("merges") > 2
    assert os.environ.get("COLUMNS") == columns
    assert not mine.closed
    assert mine.stats().live_blocks == 1
    assert block[:] == bytes(range(100))
    rheap.r_free(block)
    mine.check()
    mine.close()


def test_the_code_on_the_page_is_the_code_that_ran(capsys: pytest.CaptureFixture[str]) -> None:
    def chapter():
        """A chapter"""
        yield "before"
        total = 10

        for number in range(3):
            total += number
        print("total", total)
        yield f"it is {total}"

    shown = list(steps(chapter))
    assert shown[0] == shown[2] == ""
    assert shown[1].startswith("total = 10\n\nfor number")
    terminal = Terminal()
    play(terminal, Reader(terminal, step=False), 1, chapter)
    text = capsys.readouterr().out
    assert ">>> total = 10\n\n  >>> for number in range(3):\n  ...     total" in text
    assert text.index("before") < text.index('>>> print("total"') < text.index("  total 13")
    assert text.index("  total 13") < text.index("it is 13")


def test_maps_reach_the_terminal_as_pictures() -> None:
    def chapter():
        """A chapter"""
        yield "before"
        heap = rheap.Heap(256)
        print("a heap", heap)
        print(heap.map())
        print("behind", end="!")
        yield "after"

    shown: list[object] = []

    class Keeps(Terminal):
        def output(self, *parts: object) -> None:
            shown.extend(parts)

    terminal = Keeps()
    printing = print
    play(terminal, Reader(terminal, step=False), 1, chapter)
    assert print is printing
    text, picture, behind = shown
    assert (text, behind) == ("a heap <rheap.Heap of 256 B>\n", "behind!")
    assert isinstance(picture, rheap.HeapMap)


def test_no_other_command_waits_for_numpy() -> None:
    program = "import sys, rheap.commands.main; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
