"""Rows and datasets for the suite for storages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from budwood.contracts import Storage
from budwood.types import Dataset, Row
from budwood.types.record import JSON

FLAT: Final[tuple[dict[str, JSON], ...]] = (
    {"question": "Why?", "answer": "Because."},
    {"question": "Wie geht\u2019s? \U0001f600", "answer": "\u2028 \u05d0 \"quoted\", 'too'; = 5\r\n"},
    {"question": "", "answer": "0123"},
    {"question": "null", "answer": "[1]"},
)
"""Rows with the same fields, as in a dataset."""

_MESSAGE: Final[JSON] = {"role": "user", "content": "Hi."}
NESTED: Final[tuple[dict[str, JSON], ...]] = (
    {"messages": [_MESSAGE, _MESSAGE], "score": 0.25, "rank": 2**53, "flag": True, "note": None, "any": {"a": [1]}},
    {"messages": [], "score": -1.0, "rank": 0, "flag": False, "note": "none", "any": ["", None, {}]},
)
NESTED_SCHEMA: Final[dict[str, JSON]] = {
    "type": "object",
    "properties": {
        "messages": {
            "type": "array",
            "items": {"type": "object", "properties": {"role": {"type": "string"}, "content": {"type": "string"}}},
        },
        "score": {"type": "number"},
        "rank": {"type": "integer"},
        "flag": {"type": "boolean"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "any": {},
    },
}

RUN: Final = "5eed" * 8
OTHER_RUN: Final = "0ddb" * 8

TEXT_CHARS: Final = 4096
"""The length of the texts of `make_large_rows`."""


def make_rows(data: Iterable[Mapping[str, JSON]]) -> list[Row]:
    """Create a row for each item of data."""
    return [Row(id=f"{index:032x}", index=index, data=dict(one)) for index, one in enumerate(data)]


def make_large_rows(start: int, stop: int) -> Iterator[Row]:
    """Yield rows with long texts, each created when it is asked for."""
    for index in range(start, stop):
        yield Row(id=f"{index:032x}", index=index, data={"text": f"{index} ".ljust(TEXT_CHARS, "x")})


def make_dataset(
    rows: Sequence[Row], *, schema: dict[str, JSON] | None = None, run: str = RUN, writer: str = "0"
) -> Dataset:
    """Describe the dataset of some rows. By default all fields are texts."""
    fields = sorted({name for row in rows for name in row.data})
    texts: dict[str, JSON] = {"type": "object", "properties": {name: {"type": "string"} for name in fields}}
    return Dataset(run=run, writer=writer, name="rows", content="value", schema=schema or texts, rows=max(len(rows), 1))


def sort_rows(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows in the order of their indexes."""
    return iter(sorted(rows, key=lambda row: row.index))


def store(storage: Storage, rows: Sequence[Row], **options: Any) -> int:  # noqa: ANN401 - those of `make_dataset`
    """Store a dataset from start to end, in one batch."""
    storage.begin(make_dataset(rows, **options))
    storage.put(rows)
    return storage.finish(sort_rows(rows))


def is_path(output: str) -> bool:
    """Tell whether an output is a path, not a URL."""
    return "://" not in output


def read_files(output: str) -> dict[str, bytes]:
    """Return the bytes of the output: a file, or all files of a folder."""
    path = Path(output)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def list_neighbours(output: str) -> set[str]:
    """Return the names in the folder of the output."""
    return {file.name for file in Path(output).parent.iterdir()}
