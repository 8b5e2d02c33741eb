"""Columns from the schema of rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from budwood.types import Dataset
from budwood_sql_storage.kinds import find_kind
from budwood_sql_storage.layout import MAX_COLUMNS, Layout, parse_layout


def make_dataset(properties, *, required=(), content="value"):
    """
    Describe a dataset of rows with these fields.
    """
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Dataset(run="5eed", name="rows", content=content, schema=schema, rows=1)


def columns_of(dataset):
    """
    Return names, paths and kinds of the columns.
    """
    return [(column.name, ".".join(column.path), column.kind) for column in Layout().add_fields(dataset).columns]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "integer"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"type": ["string", "null"]}, "string"),
        ({"type": ["integer", "number"]}, "number"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "boolean"),
        ({"allOf": [{"$ref": "#/$defs/colour"}]}, "string"),
        ({"enum": ["red", "green", None]}, "string"),
        ({"const": 3}, "integer"),
        ({"enum": [1, "one"]}, "json"),
        ({"type": ["string", "integer"]}, "json"),
        ({"anyOf": [{"type": "string"}, {}]}, "json"),
        ({"type": "null"}, "json"),
        ({"type": "array"}, "json"),
        ({"type": "object"}, "json"),
        ({"$ref": "#/$defs/colour"}, "string"),
        ({"$ref": "#/$defs/itself"}, "json"),
        ({"$ref": "#/$defs/part"}, "json"),
        ({"$ref": "#/$defs/missing"}, "json"),
        ({"$ref": "https://example.com/schema"}, "json"),
        ({}, "json"),
    ],
)
def test_scalars_have_columns_of_their_type_and_all_else_is_json(schema, kind):
    """
    The type of a column is the type of the field besides null, through references and alternatives.
    """
    root = {
        "$defs": {
            "colour": {"enum": ["red", "green"]},
            "itself": {"$ref": "#/$defs/itself"},
            "part": {"anyOf": [{"$ref": "#/$defs/part"}, {"type": "string"}, {"type": "array"}]},
        }
    }

    assert find_kind(schema, [root]) == kind


def test_fields_of_value_are_columns():
    """
    Structured values have a column for each field, in the place of ``value``. The id of the row has none.
    """
    value = {"type": "object", "properties": {"review": {"type": "string"}, "stars": {"type": "integer"}}}
    dataset = make_dataset({"id": {"type": "string"}, "value": value, "models": {"type": "object"}})

    assert columns_of(dataset) == [
        ("review", "value.review", "string"),
        ("stars", "value.stars", "integer"),
        ("models", "models", "json"),
    ]


def test_references_in_value_are_looked_up_in_its_schema():
    """
    The schema of ``value`` is the user's, with definitions of its own.
    """
    value = {
        "$ref": "#/$defs/review",
        "$defs": {
            "review": {"type": "object", "properties": {"tone": {"$ref": "#/$defs/tone"}}},
            "tone": {"type": "string"},
        },
    }

    assert columns_of(make_dataset({"value": value})) == [("tone", "value.tone", "string")]


def test_names_of_other_columns_are_not_taken():
    """
    A field of ``value`` gives way to fields beside it, to the columns of the storage, and to those of PostgreSQL.
    """
    names = ["source", "id", "ctid", "row_index", "Row_Extra", "value_id"]
    value = {"type": "object", "properties": {key: {"type": "string"} for key in names}}
    dataset = make_dataset({"value": value, "source": {"type": "object"}})

    assert [name for name, *_ in columns_of(dataset)] == [
        "value_source",
        "value_id",
        "value_ctid",
        "value_row_index",
        "value_Row_Extra",
        "value_value_id",
        "source",
    ]


def test_value_of_messages_or_without_fields_is_one_column():
    """
    A value that is a list or has no fields is JSON; so is a field ``value`` beside messages.
    """
    fields = {"type": "object", "properties": {"a": {"type": "string"}}}

    assert columns_of(make_dataset({"value": {"type": "array"}})) == [("value", "value", "json")]
    assert columns_of(make_dataset({"value": {"type": "object"}})) == [("value", "value", "json")]
    assert columns_of(make_dataset({"value": fields}, content="messages")) == [("value", "value", "json")]


def test_columns_stay_when_the_schema_changes():
    """
    A new field gets a column at the end, which is never required: earlier rows lack it. A changed type stays as it was.
    """
    first = Layout().add_fields(make_dataset({"a": {"type": "string"}}, required=["a"]))
    second = first.add_fields(make_dataset({"b": {"type": "string"}, "a": {"type": "integer"}}, required=["a", "b"]))

    assert second.columns[0] == first.columns[0]
    assert [(column.name, column.required) for column in second.columns] == [("a", True), ("b", False)]


def test_the_number_of_columns_is_limited():
    """
    A schema with more fields than a table can have columns gets as many columns as fit.
    """
    dataset = make_dataset({f"field {number}": {"type": "string"} for number in range(MAX_COLUMNS + 10)})
    layout = Layout().add_fields(dataset)

    assert len(layout.columns) == MAX_COLUMNS
    assert layout.add_fields(dataset) == layout


def test_layouts_are_saved_as_text():
    """
    A layout can be saved and parsed again; that of another version cannot.
    """
    layout = Layout().add_fields(make_dataset({"id": {"type": "string"}, "a b": {}}, required=["id"]))

    assert parse_layout(layout.to_json()) == layout
    assert layout.has_id
    assert parse_layout('{"version": 2}') is None


@pytest.mark.parametrize("schema", [{}, {"properties": None}, {"properties": {"a": True}, "required": "a"}])
def test_any_schema_has_a_layout(schema):
    """
    A schema that says nothing useful gives columns of JSON, or none.
    """
    dataset = replace(make_dataset({}), schema=schema)

    assert {kind for _, _, kind in columns_of(dataset)} <= {"json"}
