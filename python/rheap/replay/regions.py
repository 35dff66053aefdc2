"""The region of a replay at one moment."""

from __future__ import annotations

from collections.abc import Iterator

from .. import _core
from ..reports import BlockInfo, BlockState


def blocks_of(inspection: _core.Inspection) -> Iterator[BlockInfo]:
    """What lies where at this moment of a replay."""
    return (
        BlockInfo(offset, size, size, BlockState(state))
        for offset, size, state in inspection.rows()
    )
