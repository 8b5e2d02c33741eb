"""The columns of a table, from the JSON schema of its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from budwood.types import Dataset
from budwood.types.record import JSON
from budwood_sql_storage.kinds import ColumnKind, find_kind, resolve
from budwood_sql_storage.names import SYSTEM_COLUMNS, make_name

ID: Final = "id"
INDEX: Final = "row_index"
EXTRA: Final = "row_extra"

MAX_COLUMNS: Final = 250
"""Further fields are in ``row_extra``: a row of PostgreSQL must fit a page of 8 kB, where a long text has 18 bytes."""

_VERSION: Final = 1
_OWN: Final = frozenset({ID, INDEX, EXTRA})


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column with values of the rows.

    Attributes:
        name: Its name in the table.
        path: The name of a field, or ``value`` and the name of a field in it.
        kind: What it holds.
        required: Whether the field is always there, so that NULL means null. Otherwise NULL means that it is absent.
    """

    name: str
    path: tuple[str, ...]
    kind: ColumnKind
    required: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """
    The columns of a table, besides ``id``, ``row_index`` and ``row_extra``.

    Attributes:
        columns: The columns.
        has_id: Whether the data contains the id of the row as ``id``.
    """

    columns: tuple[Column, ...] = ()
    has_id: bool = False

    def add_fields(self, dataset: Dataset) -> Layout:
        """Return a layout with the fields of a dataset that have no column yet. Existing columns stay as they are."""
        known = {column.path for column in self.columns}
        fields = [field for field in _list_fields(dataset) if field.path not in known]
        names = self._name(fields[: MAX_COLUMNS - len(self.columns)])
        # Rows that are stored may lack a field that is new, even if it is required in rows from now on.
        columns = [
            Column(names[field.path], field.path, field.kind, field.required and not self.columns)
            for field in fields
            if field.path in names
        ]
        return Layout((*self.columns, *columns), self.has_id if self.columns else _has_id(dataset))

    def to_json(self) -> str:
        """Return the layout as text."""
        columns = [[column.name, column.path, column.kind, column.required] for column in self.columns]
        return json.dumps({"version": _VERSION, "has_id": self.has_id, "columns": columns})

    def _name(self, fields: list[_Field]) -> dict[tuple[str, ...], str]:
        """Choose names of columns. Fields beside ``value`` come first, so that these keep theirs."""
        taken = {column.name.casefold() for column in self.columns} | _OWN | SYSTEM_COLUMNS
        names = {}
        for field in sorted(fields, key=lambda field: len(field.path)):
            name = field.path[-1]
            name = make_name("_".join(field.path) if name.casefold() in taken else name, taken)
            taken.add(name.casefold())
            names[field.path] = name
        return names


class _Field(NamedTuple):
    path: tuple[str, ...]
    kind: ColumnKind
    required: bool


def parse_layout(text: str) -> Layout | None:
    """Parse a layout; return None if another version wrote it."""
    content = json.loads(text)
    if content.get("version") != _VERSION:
        return None
    columns = (Column(name, tuple(path), kind, required) for name, path, kind, required in content["columns"])
    return Layout(tuple(columns), content["has_id"])


def _has_id(dataset: Dataset) -> bool:
    return any(name == ID and required for name, _, required in _list_properties(dataset.schema))


def _list_fields(dataset: Dataset) -> Iterator[_Field]:
    """List the fields that have a column: those of the data but ``id``, and those of ``value`` in its place."""
    for name, schema, required in _list_properties(dataset.schema):
        roots = (dataset.schema, schema)
        inner = list(_list_properties(resolve(schema, roots)))
        if dataset.content == "value" and name == "value" and inner:
            for key, field, is_required in inner:
                yield _Field((name, key), find_kind(field, roots), is_required)
        elif name != ID:
            yield _Field((name,), find_kind(schema, roots), required)


def _list_properties(schema: Mapping[str, JSON]) -> Iterator[tuple[str, Mapping[str, JSON], bool]]:
    properties, required = schema.get("properties"), schema.get("required")
    names = required if isinstance(required, list) else []
    for name, field in properties.items() if isinstance(properties, dict) else ():
        yield name, field if isinstance(field, dict) else {}, name in names
