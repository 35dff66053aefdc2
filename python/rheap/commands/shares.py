"""Who holds the memory at a moment of a trace."""

from __future__ import annotations

from .. import _core
from ..console.terminal import Terminal, encodable
from ..format.names import printable
from ..format.sizes import format_size

_LINES = 10  # sites that have a line each; the others share one
_FIGURES = 36  # columns of the three figures at most


def show_shares(terminal: Terminal, trace: _core.Trace, operations: int) -> None:
    """A table by site of what is live after so many operations; nothing where no site is known."""
    if trace.sites() is None:
        return
    shares = trace.shares_after(operations)
    names = trace.site_names
    rows = [(names[site] or "unknown site", bytes_, blocks) for site, bytes_, blocks in shares]
    # A line for one site tells more than one for "1 other site".
    most = _LINES if len(rows) > _LINES + 1 else len(rows)
    if others := rows[most:]:
        bytes_, blocks = sum(row[1] for row in others), sum(row[2] for row in others)
        rows[most:] = [(f"{len(others):,} other sites", bytes_, blocks)]
    total = sum(bytes_ for _, bytes_, _ in rows)
    width = max(terminal.width - _FIGURES, 20)
    terminal.table(
        ["who asked for it", "bytes", "blocks", "share"],
        [
            (
                _shortened(printable(name), width),
                [format_size(bytes_), f"{blocks:,}", f"{bytes_ / max(total, 1):.1%}"],
            )
            for name, bytes_, blocks in rows
        ],
    )


def _shortened(name: str, width: int) -> str:
    """The end of a name tells more than its folders."""
    if len(name) <= width:
        return name
    dots = encodable("\N{HORIZONTAL ELLIPSIS}", "...")
    return dots + name[len(name) - width + len(dots) :]
