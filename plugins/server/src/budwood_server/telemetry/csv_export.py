"""CSV that spreadsheets open without running what clients of the gateway wrote into it. Source: RFC 4180, OWASP."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from budwood_server.telemetry.forms import format_amount

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How texts begin that a spreadsheet may take for a formula, also in their full-width forms."""


def write_rows(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV, with CRLF at the end of each. Texts that look like formulas begin with an apostrophe."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_to_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _to_cell(value: object) -> object:
    if isinstance(value, str):
        return f"'{value}" if value.lstrip(" ").startswith(_FORMULAS) else value
    if isinstance(value, Decimal):
        return format_amount(value)
    if isinstance(value, bool):
        return int(value)
    return value
