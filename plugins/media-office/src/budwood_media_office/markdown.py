"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def write_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table, whose first row is the header. Shorter rows are filled up."""
    if not rows:
        return ""
    width = max(map(len, rows))
    head, *body = [_write_row([*row, *[""] * (width - len(row))]) for row in rows]
    return "\n".join([head, _write_row(["---"] * width), *body])


def _write_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in cells)} |"
