"""Draw the screen of an emulated terminal as SVG, without fonts or files from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from pyte.screens import Char

FONT: Final = "ui-monospace, 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SIZE: Final = 14.0
WIDTH: Final = 8.43
HEIGHT: Final = 20.0
MARGIN: Final = 16.0
"""The size of the font, of a character and of the margin, in pixels."""

BACKGROUND: Final = "#1b1f24"
FOREGROUND: Final = "#d8dee6"
FAINT: Final = "#8b97a5"
COLORS: Final = {
    "black": "#3b434d",
    "red": "#ff8f87",
    "green": "#8fd694",
    "brown": "#e6c77a",
    "blue": "#84b8ff",
    "magenta": "#d9a6f5",
    "cyan": "#76d5dd",
    "white": "#d8dee6",
    "brightblack": FAINT,
    "brightred": "#ff8f87",
    "brightgreen": "#8fd694",
    "brightbrown": "#e6c77a",
    "brightblue": "#84b8ff",
    "brightmagenta": "#d9a6f5",
    "brightcyan": "#76d5dd",
    "brightwhite": "#ffffff",
}


def draw(shown: Sequence[tuple[str, Sequence[Sequence[Char]]]], columns: int, title: str) -> str:
    """
    Return a drawing of commands and of what they show.

    Args:
        shown: Each command, which is drawn after a prompt, and the rows of the screen below it, as characters of pyte.
        columns: The width of the terminal.
        title: What the drawing shows, for readers that do not see it.
    """
    count = sum(1 + len(rows) for _, rows in shown)
    width, height = columns * WIDTH + 2 * MARGIN, count * HEIGHT + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
        f'<g font-family="{FONT}" font-size="{SIZE:g}">',
    ]
    number = 0
    for command, rows in shown:
        lines.append(_draw_text(number, 0, "$", f'fill="{COLORS["green"]}"'))
        lines.append(_draw_text(number, 2, command, f'fill="{FOREGROUND}" font-weight="bold"'))
        for row in rows:
            number += 1
            lines += _draw_row(number, row)
        number += 1
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _draw_row(number: int, row: Sequence[Char]) -> list[str]:
    runs, column = [], 0
    for style, cells in groupby(row, _style):
        text = "".join(cell.data for cell in cells)
        if text.strip():
            left = len(text) - len(text.lstrip())
            runs.append(_draw_text(number, column + left, text.strip(), style))
        column += len(text)
    return runs


def _draw_text(row: int, column: int, text: str, style: str) -> str:
    x, y, length = MARGIN + column * WIDTH, MARGIN + row * HEIGHT + SIZE, len(text) * WIDTH
    text = escape(text.replace(" ", "\u00a0"))  # several spaces would be drawn as one
    return f'<text x="{x:.2f}" y="{y:.2f}" textLength="{length:.2f}" {style}>{text}</text>'


def _style(cell: Char) -> str:
    """Return the attributes of a character."""
    color = cell.bg if cell.reverse else cell.fg
    fill = COLORS.get(color) or (f"#{color}" if len(color) == 6 else FOREGROUND)
    attributes = [f"fill={quoteattr(fill)}"]
    if cell.bold:
        attributes.append('font-weight="bold"')
    if cell.italics:
        attributes.append('font-style="italic"')
    if cell.underscore:
        attributes.append('text-decoration="underline"')
    return " ".join(attributes)
