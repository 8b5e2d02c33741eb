"""Columns of tables: their names, their JSON schemas, and the values of a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from budwood.types import Row
from budwood_generation.exports.chat import Record, messages_record
from budwood_generation.exports.conversations import Conversation, merge_passage
from budwood_generation.reasoning import REASONING
from budwood_generation.spec import RowSpec

TEXT: Final[dict[str, Any]] = {"type": "string"}
ANY: Final[dict[str, Any]] = {}
TEXTS: Final[dict[str, Any]] = {"type": "array", "items": TEXT}
SOURCE: Final = ("document", "headings", "passage")
OTHER_PROPERTIES: Final = "other_properties"
"""The column for properties of a structured value that its schema allows and does not name."""
PREFIX: Final = "value_"
NAMES: Final = ("id", *SOURCE, "material", "model", OTHER_PROPERTIES, REASONING)
"""The columns beside a structured value. A property with one of these names is in the column ``value_NAME``."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, and the JSON schema of its values. ``definitions`` are what the schema refers to."""

    name: str
    schema: Mapping[str, Any]
    definitions: Mapping[str, Any]


def conversation_columns(*, reasoning: bool) -> list[Column]:
    """Return the columns of conversations, one row each."""
    properties = {"role": TEXT, "content": TEXT} | ({REASONING: TEXT} if reasoning else {})
    message = {"type": "object", "properties": properties, "additionalProperties": False}
    named = {"id": TEXT, "messages": {"type": "array", "items": message}} | _SOURCE_COLUMNS
    return _columns(named | {"asker": TEXT, "answerer": TEXT})


def conversation_record(conversation: Conversation, row: Row) -> Record:
    """Return the values of a conversation."""
    return messages_record(conversation) | _source(row) | _models(row)


def turn_columns(*, reasoning: bool) -> list[Column]:
    """Return the columns of conversations, one row for each turn."""
    texts = ("system", "question", *(("reasoning",) if reasoning else ()), "answer")
    named = {"id": TEXT, "turn": {"type": "integer"}} | dict.fromkeys(texts, TEXT) | _SOURCE_COLUMNS
    return _columns(named | {"asker": TEXT, "answerer": TEXT})


def turn_records(conversation: Conversation, row: Row) -> Iterator[Record]:
    """Yield the values of each turn; the number of the first is 1."""
    merged = merge_passage(conversation)
    for number, (question, answer) in enumerate(merged.turns, start=1):
        yield {
            "id": row.id,
            "turn": number,
            "system": merged.system,
            "question": question.content,
            "reasoning": answer.reasoning,
            "answer": answer.content,
            **_source(row),
            **_models(row),
        }


def value_columns(job: RowSpec, *, reasoning: bool) -> list[Column]:
    """Return the columns of structured values: one for each property of the schema, or ``value`` for other schemas."""
    schema: Mapping[str, Any] = job.json_schema
    properties = _properties(schema)
    named = {_value_name(name): inner for name, inner in properties.items()} if properties else {"value": schema}
    if properties and schema.get("additionalProperties") is not False:
        named[OTHER_PROPERTIES] = ANY
    if reasoning:
        named[REASONING] = TEXT
    return _columns({"id": TEXT} | named | _SOURCE_COLUMNS | {"model": TEXT}, schema)


def value_record(row: Row, job: RowSpec) -> Record:
    """Return the values of a row with a structured value."""
    value: Any = row.data["value"]
    properties = _properties(job.json_schema)
    if not properties or not isinstance(value, Mapping):
        return {"id": row.id, "value": value} | _others(row)
    named = {_value_name(name): value.get(name) for name in properties}
    others = {name: inner for name, inner in value.items() if name not in properties}
    return {"id": row.id} | named | {OTHER_PROPERTIES: others or None} | _others(row)


_SOURCE_COLUMNS: Final[dict[str, Mapping[str, Any]]] = {
    "document": TEXT,
    "headings": TEXTS,
    "passage": TEXT,
    "material": ANY,
}


def _columns(named: Mapping[str, Any], schema: Mapping[str, Any] = ANY) -> list[Column]:
    definitions = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    return [Column(name, inner, definitions) for name, inner in named.items()]


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a schema of objects; none for other schemas."""
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _value_name(name: str) -> str:
    """Return the column of a property; no other property has it, also if it is named as such a column."""
    plain = name
    while plain.startswith(PREFIX):
        plain = plain.removeprefix(PREFIX)
    return f"{PREFIX}{name}" if plain in NAMES else name


def _source(row: Row) -> Record:
    source: Any = row.data.get("source") or {}
    return {name: source.get(name) for name in SOURCE} | {"material": row.data.get("material") or None}


def _others(row: Row) -> Record:
    return {REASONING: row.data.get(REASONING)} | _source(row) | _models(row)


def _models(row: Row) -> Record:
    models: Any = row.data.get("models") or {}
    return dict(models)
