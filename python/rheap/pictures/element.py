"""The SVG element that every picture is in, and what all of them share."""

from __future__ import annotations

CHARACTER = 7.3  # pixels
TEXT_STYLE = ".rheap text{font:12px ui-monospace,monospace;fill:currentColor}"
OWN_GROUND = "svg.rheap{color:#1f1f1f}@media(prefers-color-scheme:dark){svg.rheap{color:#ececec}}"
"""For a picture in a file: colours of text for light and dark. In a page it takes the page's."""


def element(width: int, height: int, shapes: str, style: str, *, margin: int = 0) -> str:
    """An SVG element around these shapes, with room at its edges."""
    width, height = width + 2 * margin, height + 2 * margin
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="rheap" role="img" '
        f'viewBox="{-margin} {-margin} {width} {height}" width="{width}" height="{height}" '
        f'style="max-width:100%;height:auto"><style>{style}</style>{shapes}</svg>'
    )
