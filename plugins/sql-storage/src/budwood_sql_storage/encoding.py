"""Rows of a dataset as rows of a table, and back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from budwood.types import Row
from budwood.types.record import JSON
from budwood_sql_storage.layout import EXTRA, ID, INDEX, Column, Layout

Record = dict[str, Any]
"""A row of a table: values by the keys of columns, with JSON as text."""

_MAX_INTEGER: Final = 2**63
_MAX_EXACT: Final = 2**53
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_EXPONENT: Final = re.compile(r"\de\+")


class Encoding:
    """
    Encodes rows for a table, without loss.

    Values without a column that can hold them are in ``row_extra``, as JSON: fields that the schema does not name,
    values of another type, integers of more than 64 bits, and in PostgreSQL texts with a NUL character. If a row lacks
    a required field, its complete data is there, in a list.

    Args:
        layout: The columns of the table.
        is_postgresql: Whether the table is in PostgreSQL, where JSON is JSONB.
    """

    def __init__(self, layout: Layout, *, is_postgresql: bool) -> None:
        self._columns = {key(number): column for number, column in enumerate(layout.columns)}
        self._keys = {column.path: name for name, column in self._columns.items()}
        self._groups = {column.path[0] for column in layout.columns if len(column.path) > 1}
        self._required = [column.path for column in layout.columns if column.required]
        self._json = {name for name, column in self._columns.items() if column.kind == "json"}
        self._has_id = layout.has_id
        self._is_postgresql = is_postgresql

    def encode(self, row: Row) -> Record:
        """Encode a row. The record has a value for each column."""
        record: Record = dict.fromkeys(self._columns)
        extra: dict[str, JSON] = {}
        for field, value in row.data.items():
            if field in self._groups and isinstance(value, dict):
                inner = {name: one for name, one in value.items() if not self._place(record, (field, name), one)}
                extra.update({field: inner} if inner else {})
            elif not (field == ID and self._has_id and value == row.id) and not self._place(record, (field,), value):
                extra[field] = value
        rest = extra if self._is_complete(row.data) else [row.data]
        return {**record, ID: row.id, INDEX: row.index, EXTRA: json.dumps(rest) if rest else None}

    def decode(self, record: Mapping[str, Any]) -> Row:
        """Decode a row."""
        extra: dict[str, JSON] | list[dict[str, JSON]] = json.loads(record[EXTRA] or "{}")
        data = extra[0] if isinstance(extra, list) else self._merge(record, extra)
        return Row(id=record[ID], index=record[INDEX], data=data)

    def is_equal(self, stored: Mapping[str, Any], record: Record) -> bool:
        """Return whether a stored record is equal to another. JSONB changes spaces and the order of keys."""
        different = [name for name, value in record.items() if stored[name] != value]
        return all(name in self._json and _normalize(stored[name]) == _normalize(record[name]) for name in different)

    def _is_complete(self, data: Mapping[str, JSON]) -> bool:
        """Return whether no field is missing whose column has NULL for null."""
        if (self._has_id and ID not in data) or not all(isinstance(data.get(field), dict) for field in self._groups):
            return False
        return all(_has(data, path) for path in self._required)

    def _merge(self, record: Mapping[str, Any], extra: Mapping[str, JSON]) -> dict[str, JSON]:
        data: dict[str, Any] = {ID: record[ID]} if self._has_id else {}
        for name, column in self._columns.items():
            target = data if len(column.path) == 1 else data.setdefault(column.path[0], {})
            value = record[name]
            if value is not None:
                target[column.path[-1]] = json.loads(value) if name in self._json else value
            elif column.required:
                target[column.path[-1]] = None
        for field, value in extra.items():
            if field in self._groups and isinstance(value, dict):
                data[field].update(value)
            else:
                data[field] = value
        return data

    def _place(self, record: Record, path: tuple[str, ...], value: JSON) -> bool:
        """Put a value into its column; return False if it has none, or does not fit."""
        name = self._keys.get(path)
        if name is None:
            return False
        column = self._columns[name]
        if value is None:
            return column.required
        record[name] = self._convert(column, value)
        return record[name] is not None

    def _convert(self, column: Column, value: JSON) -> str | int | float | None:
        """Return a value for a column, or None if it does not fit."""
        match column.kind, value:
            case "json", _:
                return self._dump(value)
            case "boolean", bool():
                return value
            case _, bool():
                return None
            case "string", str() if self._can_hold(value):
                return value
            case "integer", int() if -_MAX_INTEGER <= value < _MAX_INTEGER:
                return value
            case "number", int() if abs(value) <= _MAX_EXACT:
                return float(value)
            case "number", float() if math.isfinite(value):
                return value
            case _:
                return None

    def _can_hold(self, text: str) -> bool:
        if self._is_postgresql and "\0" in text:
            return False
        return text.isascii() or text.encode("utf-8", "ignore").decode() == text  # has no lone surrogate

    def _dump(self, value: JSON) -> str | None:
        """Return a value as JSON; None if the column refuses or changes it."""
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False)
            text.encode()
        except ValueError:  # it contains a number that is not finite, or a lone surrogate
            return None
        if self._is_postgresql and (_NUL.search(text) or (_EXPONENT.search(text) and _has_large_number(value))):
            return None
        return text


def key(number: int) -> str:
    """Return the key of a column: its name in parameters of statements, where not all characters are allowed."""
    return f"c{number}"


def _has(data: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    return path[-1] in (data if len(path) == 1 else data[path[0]])


def _has_large_number(value: JSON) -> bool:
    """Return whether a value contains a number such as 1e+23: JSONB returns an integer, which is another number."""
    if isinstance(value, float):
        return abs(value) > _MAX_EXACT
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_has_large_number, parts))


def _normalize(text: str | None) -> str:
    return json.dumps(json.loads(text), sort_keys=True) if text else ""
