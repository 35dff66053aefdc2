"""Tables that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence

_GAP = 2  # columns between two columns


def table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Rows under a header, the first column to the left, the others to the right.

    Where they are wider than `width` the table is continued below, the first column repeated.
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first, rest = widths[0], range(1, len(widths))
    stretches: list[list[int]] = [[]]
    for column in rest:
        taken = first + sum(widths[i] + _GAP for i in [*stretches[-1], column])
        if stretches[-1] and taken > width:
            stretches.append([])
        stretches[-1].append(column)
    return "\n\n".join(
        "\n".join(
            (
                line[0].ljust(first) + "".join(line[i].rjust(widths[i] + _GAP) for i in stretch)
            ).rstrip()
            for line in lines
        )
        for stretch in stretches
    )
