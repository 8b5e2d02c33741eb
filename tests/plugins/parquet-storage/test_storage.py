"""Parquet files: types, fallbacks, and the programs that read them."""

from __future__ import annotations

import json

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from budwood.errors import ConfigurationError
from budwood.types import Dataset, Row
from budwood_generation import generate
from budwood_parquet_storage import ParquetStorageSettings, writing
from budwood_parquet_storage.columns import parse_columns
from budwood_parquet_storage.storage import ParquetStorage
from budwood_testing import plugin_context
from tests.datasets import conversation_spec, row_spec

TEXT = {"type": "string"}


def write(path, data, properties, *, compression="zstd"):
    """Write rows with a schema, and return the storage."""
    schema = {"type": "object", "properties": properties}
    settings = ParquetStorageSettings(output=path, compression=compression)
    storage = ParquetStorage(settings, plugin_context("parquet", cache_folder=path.parent))
    storage.begin(Dataset(run="5eed", name="rows", content="value", schema=schema, rows=len(data)))
    storage.finish(Row(id=str(index), index=index, data=one) for index, one in enumerate(data))
    return storage


def json_fields(path):
    """Return the fields that are JSON text."""
    return [".".join(field) for field in json.loads(pq.read_schema(path).metadata[writing.JSON_FIELDS])]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (TEXT, pa.string()),
        ({"type": "integer"}, pa.int64()),
        ({"type": "number"}, pa.float64()),
        ({"type": "boolean"}, pa.bool_()),
        ({"type": ["string", "null"]}, pa.string()),
        ({"type": ["integer", "number"]}, pa.float64()),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, pa.int64()),
        ({"enum": ["a", "b", None]}, pa.string()),
        ({"const": 5}, pa.int64()),
        ({"type": "array", "items": {"type": "integer"}}, pa.list_(pa.int64())),
        ({"type": "object", "properties": {"a": TEXT}}, pa.struct([("a", pa.string())])),
        ({"$ref": "#/$defs/fact"}, pa.struct([("fact", pa.string())])),
        ({"allOf": [{"$ref": "#/$defs/fact"}]}, pa.struct([("fact", pa.string())])),
    ],
)
def test_columns_have_the_types_of_the_schema(schema, expected):
    """
    References and alternatives to null are followed.
    """
    definitions = {"fact": {"type": "object", "properties": {"fact": TEXT}}}

    column = parse_columns({"properties": {"x": schema}, "$defs": definitions})["x"]

    assert column.arrow() == expected
    assert list(column.json_paths()) == []


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"type": "null"},
        {"type": "object"},
        {"type": "array"},
        {"type": ["string", "integer"]},
        {"anyOf": [TEXT, {"type": "integer"}]},
        {"enum": ["a", 1]},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/properties/x"},
    ],
)
def test_what_has_no_single_type_is_json(schema):
    """
    The column is text.
    """
    column = parse_columns({"properties": {"x": schema}})["x"]

    assert (column.arrow(), column.kind) == (pa.string(), "json")


def test_recursive_schemas_end_in_json():
    """
    A tree with two branches is parsed once.
    """
    branch = {"$ref": "#/properties/x"}
    tree = {"type": "object", "properties": {"name": TEXT, "left": branch, "right": branch}}

    column = parse_columns({"properties": {"x": tree}})["x"]

    assert list(column.json_paths()) == [("left",), ("right",)]


@pytest.mark.parametrize(
    ("schema", "values", "fields"),
    [
        ({"type": "integer"}, [1, 2**70], ["x"]),
        ({"type": "number"}, [1.5, 2**60 + 1], ["x"]),
        (TEXT, ["a", 5], ["x"]),
        ({"type": "boolean"}, [True, 1], ["x"]),
        ({"type": "array", "items": {"type": "integer"}}, [[1], ["a"]], ["x.[]"]),
        ({"type": "object", "properties": {"a": TEXT}}, [{"a": "b"}, {"a": "b", "c": 1}], ["x"]),
        (
            {"type": "object", "properties": {"a": TEXT, "b": {"type": "integer"}}},
            [{"a": "", "b": 1}, {"a": "", "b": "c"}],
            ["x.b"],
        ),
    ],
)
def test_values_that_do_not_fit_make_json_of_their_column(tmp_path, schema, values, fields):
    """
    Nothing is lost or rounded, and only one file remains.
    """
    path = tmp_path / "rows.parquet"
    data = [{"id": str(index), "x": value} for index, value in enumerate(values)]

    storage = write(path, data, {"id": TEXT, "x": schema})

    assert [row.data for row in storage.load(-1, 10)] == data
    assert json_fields(path) == fields
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["rows.parquet"]


def test_fields_that_the_schema_does_not_name_are_added(tmp_path):
    """
    As JSON text; rows without them have null.
    """
    path = tmp_path / "rows.parquet"

    storage = write(path, [{"a": "1"}, {"a": "2", "b": [1]}, {"a": "3", "c": None}], {"a": TEXT})

    assert [row.data for row in storage.load(-1, 10)] == [
        {"a": "1", "b": None, "c": None},
        {"a": "2", "b": [1], "c": None},
        {"a": "3", "b": None, "c": None},
    ]


def test_rows_are_written_in_groups(tmp_path, monkeypatch):
    """
    A mismatch after some groups writes them again, and pages start in any group.
    """
    monkeypatch.setattr(writing, "GROUP_ROWS", 3)
    path = tmp_path / "rows.parquet"
    data = [{"x": value} for value in (*range(7), "seven", 8)]

    storage = write(path, data, {"x": {"type": "integer"}})

    assert pq.read_metadata(path).num_row_groups == 3
    assert [row.data for row in storage.load(-1, 100)] == data
    assert [(row.index, row.data["x"]) for row in storage.load(4, 3)] == [(5, 5), (6, 6), (7, "seven")]
    assert [row.index for row in storage.load(7, 3)] == [8]


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "none"])
def test_compressions(tmp_path, compression):
    """
    The setting applies to all columns.
    """
    path = tmp_path / "rows.parquet"
    write(path, [{"a": "x" * 100}], {"a": TEXT}, compression=compression)
    expected = "UNCOMPRESSED" if compression == "none" else compression.upper()

    assert pq.read_metadata(path).row_group(0).column(0).compression == expected


def test_a_damaged_file_is_an_error(tmp_path):
    """
    The error names it.
    """
    path = tmp_path / "rows.parquet"
    storage = write(path, [{"a": "1"}], {"a": TEXT})
    path.write_bytes(b"PAR1 and more")

    with pytest.raises(ConfigurationError, match=r"rows\.parquet is not a Parquet file, or is damaged"):
        storage.load(-1, 1)


@pytest.mark.parametrize("describe", [conversation_spec, row_spec])
def test_a_run_writes_parquet_that_others_read(tmp_path, describe):
    """
    The output chooses the storage; pandas, pyarrow and datasets read the same rows.
    """
    report = generate(describe(tmp_path, output="data.parquet"))
    table = pq.read_table(report.output)
    frame = pd.read_parquet(report.output)
    loaded = datasets.load_dataset(
        "parquet", data_files=str(report.output), split="train", cache_dir=tmp_path / "cache"
    )

    assert report.rows == table.num_rows == len(frame) == len(loaded) == 6
    assert table.column("id").to_pylist() == frame["id"].tolist() == loaded["id"][:]
    assert json_fields(report.output) == ["material", "provenance.parameters"]
    if describe is conversation_spec:
        assert loaded[0]["messages"] == table.column("messages")[0].as_py()
        assert [message["role"] for message in loaded[0]["messages"]][:2] == ["user", "assistant"]
    else:
        assert loaded[0]["value"].keys() == {"subject", "fact"}


def test_the_same_specification_gives_the_same_bytes(tmp_path):
    """
    The file has no times and no id of the run.
    """
    outputs = [
        generate(conversation_spec(tmp_path / name, output="data.parquet")).output.read_bytes() for name in ("a", "b")
    ]

    assert outputs[0] == outputs[1]
