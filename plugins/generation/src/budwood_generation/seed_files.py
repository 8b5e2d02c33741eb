"""Files of seeds: texts, one a line, or records from CSV and JSON lines."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Final

from budwood.errors import ConfigurationError
from budwood.types.record import JSON
from budwood_generation.tables import open_csv, parse_json_line
from budwood_generation.texts import read_text

_SEPARATORS: Final = {".csv": None, ".tsv": "\t"}
_JSON_LINES: Final = (".jsonl", ".ndjson")
_HINT: Final = "Write one value per line."
_HINTS: Final = dict.fromkeys(
    _SEPARATORS, "Write the names of the fields in the first line, and one record in each further line."
)


class FileValues(list[JSON]):
    """
    The content of a file that a specification names in place of values.

    Attributes:
        file: The name of the file in the specification.
    """

    __slots__ = ("file",)

    def __init__(self, values: Iterable[JSON], file: str) -> None:
        super().__init__(values)
        self.file = file


def read_values(root: Path, name: str, where: str) -> FileValues:
    """
    Read the values of a file: records from ``.csv``, ``.tsv`` and ``.jsonl``, otherwise one text per line.

    Args:
        root: The folder that the name is relative to.
        name: The name of the file.
        where: The specification, for errors.

    Raises:
        ConfigurationError: The file cannot be read, or a line is not valid.
    """
    text = read_text(root / name, where)
    suffix = Path(name).suffix.lower()
    if suffix == ".json":
        raise ConfigurationError(
            f"{where}: the values in {name} cannot be read.", hint="Write one JSON value per line, in a .jsonl file."
        )
    try:
        values = _parse(text, suffix)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {name}, {error}.") from error
    if not values:
        raise ConfigurationError(f"{where}: {name} has no values.", hint=_HINTS.get(suffix, _HINT))
    return FileValues(values, name)


def _parse(text: str, suffix: str) -> list[JSON]:
    if suffix in _SEPARATORS:
        return _read_table(text, _SEPARATORS[suffix])
    if suffix in _JSON_LINES:
        return _read_json_lines(text)
    return [line.strip() for line in StringIO(text, newline=None) if line.strip()]


def check_seeds(values: Sequence[object], place: Callable[[int], str]) -> None:
    """
    Check that values are all texts, or all records with the same fields.

    Args:
        values: The values.
        place: Returns the place of a value by its number from 0, for errors.

    Raises:
        ValueError: They are not.
    """
    first = values[0] if values else None
    keys = first.keys() if isinstance(first, Mapping) else None
    for number, value in enumerate(values):
        if isinstance(value, str) and keys is None and value.strip():
            continue
        if isinstance(value, Mapping) and keys is not None and value.keys() == keys and keys:
            continue
        raise ValueError(f"{place(number)}: {_describe_problem(value, keys, place(0))}")


def _describe_problem(value: object, keys: Iterable[str] | None, first: str) -> str:
    if isinstance(value, str) and keys is None:
        return "the text is empty"
    if not isinstance(value, str | Mapping):
        return f"expected a text or a table, got {type(value).__name__}"
    if keys is None or isinstance(value, str):
        return f"texts and tables are mixed; {first} has a {'text' if keys is None else 'table'}"
    missing = [key for key in keys if key not in value]
    unknown = [str(key) for key in value if key not in set(keys)]
    if missing:
        return f"the field {missing[0]!r} is missing, which {first} has"
    return f"the field {unknown[0]!r} is missing in {first}" if unknown else "the table is empty"


def _read_table(text: str, separator: str | None) -> list[JSON]:
    """
    Read records whose fields are named in the first line.

    Raises:
        ValueError: The table is not valid.
    """
    with open_csv(text, separator) as lines:
        try:
            names = [name.strip() for name in next(lines, [])]
            _check_names(names)
            records: list[JSON] = []
            for cells in lines:
                if len(cells) == len(names):
                    records.append(dict(zip(names, cells, strict=True)))
                elif cells:
                    raise ValueError(f"line {lines.line_num} has {len(cells)} fields instead of {len(names)}")
        except csv.Error as error:
            raise ValueError(f"line {lines.line_num}: {error}") from error
    return records


def _check_names(names: Sequence[str]) -> None:
    if not any(names):
        raise ValueError("line 1 must have the names of the fields")
    for number, name in enumerate(names, 1):
        if not name or name in names[: number - 1]:
            problem = f"the name {name!r} is used twice" if name else f"field {number} has no name"
            raise ValueError(f"line 1: {problem}")


def _read_json_lines(text: str) -> list[JSON]:
    """
    Read one value per line.

    Raises:
        ValueError: A line is not valid.
    """
    numbers, values = array("Q"), []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(parse_json_line(line))
            except ValueError as error:
                raise ValueError(f"line {number} is {error}") from error
            numbers.append(number)
    check_seeds(values, lambda number: f"line {numbers[number]}")
    return values
