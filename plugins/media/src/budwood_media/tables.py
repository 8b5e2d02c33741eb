"""CSV and TSV files as tables in Markdown."""

from __future__ import annotations

import codecs
import csv
import io
from itertools import islice
from typing import Final

from budwood.contracts import PluginContext
from budwood.errors import PromptError
from budwood.types import MediaFile, Part, TextPart
from budwood_media.settings import TableSettings

MAX_BYTES: Final = 32 * 1024 * 1024
"""The largest file that is read."""

_DELIMITERS: Final = ",;\t|"


class TableHandler:
    """
    Converts tables; see `budwood.contracts.MediaHandler`.

    Args:
        settings: The settings of this instance.
        context: The plugin's context.
    """

    def __init__(self, settings: TableSettings, context: PluginContext) -> None:
        self._max_rows = settings.max_rows
        self._instance = context.instance

    def parts(self, file: MediaFile) -> tuple[Part, ...]:
        """
        Convert a table in UTF-8, or in UTF-16 with a byte order mark.

        The delimiter of a CSV file is the one that is most frequent in its first line.

        Raises:
            PromptError: The file is not a table, or too large.
        """
        if file.size > MAX_BYTES:
            raise PromptError(f"{file.name} has more than {MAX_BYTES:,} bytes.", hint="Pass the rows that matter.")
        rows = _read_rows(file, self._max_rows + 1)
        if not rows:
            raise PromptError(f"{file.name} has no rows.", hint="Check the file.")
        if len(rows) > self._max_rows:
            raise PromptError(
                f"{file.name} has more than {self._max_rows:,} rows.",
                hint=f"Pass the rows that matter, or raise max_rows in [media_handlers.{self._instance}].",
            )
        return (TextPart(text=f'<document name="{file.name}">\n{_write_markdown(rows)}\n</document>\n'),)


def _read_rows(file: MediaFile, limit: int) -> list[list[str]]:
    try:
        text = _decode(file.read())
        delimiter = "\t" if file.media_type == "text/tab-separated-values" else _find_delimiter(text)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return list(islice((row for row in rows if row), limit))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PromptError(f"{file.name} is not a table in UTF-8: {error}.", hint="Save it in UTF-8.") from None


def _decode(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark, as spreadsheet programs save Unicode text."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")


def _find_delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def _write_markdown(rows: list[list[str]]) -> str:
    width = max(map(len, rows))
    head, *body = [_write_row(row + [""] * (width - len(row))) for row in rows]
    return "\n".join([head, _write_row(["---"] * width), *body])


def _write_row(cells: list[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in cells)} |"
