"""Joins the files of the page and the data of the runs into one HTML file.

The scripts are modules that import each other by name. In the page they are one script: each file
stands behind those that it imports, without its `import` and `export`.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from importlib.resources import files

from .description import describe
from .recording import PlayedRun, PlayedTrace

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
"""The page loads nothing, from wherever it is opened."""


def page(traces: Sequence[PlayedTrace], runs: Sequence[PlayedRun]) -> Iterator[str]:
    """The parts of the page. Nothing but base64 stands in it of what names and sites hold."""
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>rheap</title>\n<style>\n{_text('page.css')}</style>\n</head>\n<body>\n"
    )
    yield _text("page.html")
    yield from _sections(traces, runs)
    yield f'<script>\n"use strict";\n{script()}</script>\n</body>\n</html>\n'


def script() -> str:
    """All scripts, joined."""
    return "".join(
        f"\n// --- {name} ---\n\n{_EXPORT.sub('', _IMPORT.sub('', _text(name))).lstrip()}"
        for name in _ordered("main.js", [])
    )


def _ordered(name: str, before: list[str]) -> list[str]:
    """The files that one needs, each behind what it needs itself."""
    for needed in _IMPORT.findall(_text(name)):
        if needed not in before:
            _ordered(needed, before)
    before.append(name)
    return before


def _text(name: str) -> str:
    return (files(__package__) / "web" / name).read_text("utf-8")


def _sections(traces: Sequence[PlayedTrace], runs: Sequence[PlayedRun]) -> Iterator[str]:
    yield _section("description", json.dumps(describe(traces, runs)).encode())
    for number, run in enumerate(runs):
        if run.overview:
            yield _section(f"overview-{number}", run.overview)
    for number, trace in enumerate(traces):
        yield _section(f"trace-{number}", b"".join(trace.columns.values()))
    for number, run in enumerate(runs):
        yield _section(f"run-{number}", b"".join(run.columns.values()))


def _section(name: str, data: bytes) -> str:
    text = base64.b64encode(zlib.compress(data)).decode()
    return f'<script type="text/plain" id="section-{name}">{text}</script>\n'
