"""The sheets of Excel, by openpyxl."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, Final

from budwood.errors import PromptError
from budwood.types import MediaFile
from budwood_media_office.markdown import write_table
from budwood_media_office.settings import OfficeSettings

MAX_CELLS: Final = 5_000_000
"""How many cells are read, empty ones included: a sheet of a few bytes can name a cell at its far end."""


def convert_sheets(file: MediaFile, settings: OfficeSettings) -> str:
    """
    Convert all sheets to tables, with the values of formulas as they were saved. Empty rows are left out.

    Raises:
        PromptError: They have too many rows or cells.
    """
    from openpyxl import load_workbook

    with file.open() as content:
        book = load_workbook(content, read_only=True, data_only=True, keep_links=False)
        try:
            cells = MAX_CELLS
            rows_left = settings.max_rows
            tables = []
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # stated dimensions may be wrong
                rows: list[list[str]] = []
                for row in sheet.iter_rows(values_only=True):
                    cells -= len(row) + 1
                    if values := _list_values(row):
                        rows.append(values)
                    if len(rows) > rows_left or cells < 0:
                        raise PromptError(
                            f"{file.name} has more than {settings.max_rows:,} rows, or too many cells.",
                            hint="Pass the rows that matter, or raise max_rows in [media_handlers.xlsx].",
                        )
                rows_left -= len(rows)
                tables.append(f"## {sheet.title}\n\n{write_table(rows)}".strip())
        finally:
            book.close()
    return "\n\n".join(tables)


def _list_values(row: tuple[Any, ...]) -> list[str]:
    """Return the values of a row without empty ones at its end; empty if there are none."""
    values = [*_convert(row)]
    while values and not values[-1]:
        values.pop()
    return values


def _convert(row: tuple[Any, ...]) -> Iterator[str]:
    for value in row:
        if value is None:
            yield ""
        elif isinstance(value, datetime | date | time):
            yield value.isoformat()
        else:
            yield str(value)
