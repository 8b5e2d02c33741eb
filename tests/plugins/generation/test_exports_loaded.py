"""Exports are read by the programs that users read them with."""

from __future__ import annotations

import json

import pytest

from budwood_generation import export_run, generate
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, read_rows, row_spec

pytestmark = [pytest.mark.one_python, pytest.mark.filterwarnings("default")]

HOSTILE = ['Said: "a,b";\r\n\tzwölf 🌱\u2028<|x|> \\n </s>', "NA", "  space  ", "'=1+1", "a\rb\nc", "null", "007"]

PERSON = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "height": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "married": {"type": ["boolean", "null"]},
        "kind": {"enum": ["adult", "child"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "address": {"$ref": "#/$defs/Address"},
        "extra": {"type": "object"},
    },
    "required": ["id", "name"],
    "additionalProperties": False,
    "$defs": {
        "Address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "number": {"type": "integer"}},
            "additionalProperties": False,
        }
    },
}
ADA = {
    "id": 7,
    "name": 'Ada "A", née',
    "height": 2,
    "married": None,
    "kind": "adult",
    "tags": ["x", "y"],
    "address": {"street": "Hügel", "number": 3},
    "extra": {"a": [1]},
}


@pytest.fixture
def load(tmp_path, monkeypatch):
    """
    Load files with the package ``datasets``, offline.
    """
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")

    def load(*arguments, **options):
        return datasets.load_dataset(*arguments, cache_dir=str(tmp_path / "cache"), **options)

    return load


@pytest.fixture
def run(tmp_path):
    """
    A run with conversations of hostile texts, of one or two turns.
    """

    def say(body):
        return HOSTILE[len(json.dumps(body)) % len(HOSTILE)]

    job = {"answerer": "local/tiny", "turns": [1, 2], "system": 'Say "x",\nplease.'}
    with ChatServer(say) as server:
        return generate(conversation_spec(tmp_path, job=job, rows=12), settings=server.settings).output


@pytest.fixture
def people(tmp_path):
    """
    A run with structured values.
    """
    with ChatServer(lambda _body: json.dumps(ADA)) as server:
        job = {"schema": PERSON, "model": "local/tiny"}
        return generate(row_spec(tmp_path, job=job, rows=3), settings=server.settings).output


@pytest.mark.parametrize("name", ["openai", "messages", "sharegpt", "alpaca", "chatml"])
def test_datasets_reads_json_lines(run, load, tmp_path, name):
    """
    Each record arrives as it was written.
    """
    report = export_run(run, name, tmp_path / "x.jsonl", context=True)

    found = load("json", data_files=str(report.files[0]), split="train")

    assert len(found) == 12
    written = [json.loads(line) for line in report.files[0].read_text("utf-8").split("\n")[:-1]]
    assert list(found) == written


def test_datasets_reads_compressed_lines_and_their_splits(run, load, tmp_path):
    """
    It finds the splits in the names of the files.
    """
    report = export_run(run, "messages", tmp_path / "folder" / "x.jsonl.gz", split=0.4)

    found = load(str(tmp_path / "folder"))

    assert {split: len(part) for split, part in found.items()} == dict(report.rows)


def test_llama_factory_finds_columns_and_roles(run, load, tmp_path):
    """
    The registry names a file whose columns hold alternating roles, beginning with the user.
    """
    export_run(run, "llama-factory", tmp_path / "data", split=0.4, context=True)

    registry = json.loads((tmp_path / "data" / "dataset_info.json").read_text("utf-8"))
    assert list(registry) == ["data", "data_validation"]
    counts = 0
    for entry in registry.values():
        assert entry["formatting"] == "sharegpt"
        for row in load("json", data_files=str(tmp_path / "data" / entry["file_name"]), split="train"):
            counts += 1
            assert "<passage>" in row[entry["columns"]["system"]]
            roles = [message["from"] for message in row[entry["columns"]["messages"]]]
            assert roles == ["human", "gpt"] * (len(roles) // 2)
    assert counts == 12


def test_pandas_reads_csv(run, tmp_path):
    """
    One line per turn, whatever characters the texts contain.
    """
    pandas = pytest.importorskip("pandas")
    report = export_run(run, "csv", tmp_path / "x.csv")

    table = pandas.read_csv(report.files[0], keep_default_na=False, dtype={"question": str, "answer": str})

    turns = [(row, number) for row in read_rows(run) for number in range((len(row["messages"]) - 1) // 2)]
    assert len(table) == len(turns) > 12
    for line, (row, number) in zip(table.to_dict("records"), turns, strict=True):
        _, *messages = row["messages"]
        assert (line["id"], line["turn"]) == (row["id"], number + 1)
        assert line["system"] == row["messages"][0]["content"]
        assert line["question"] == messages[2 * number]["content"]
        assert line["answer"] == messages[2 * number + 1]["content"]
        assert line["passage"] == row["source"]["passage"]
        assert json.loads(line["headings"]) == row["source"]["headings"]


def test_pandas_reads_compressed_csv(run, tmp_path):
    """
    It decompresses a file whose name ends with .gz.
    """
    pandas = pytest.importorskip("pandas")
    (path,) = export_run(run, "csv", tmp_path / "x.csv.gz").files

    assert path.read_bytes()[:2] == b"\x1f\x8b"
    assert set(pandas.read_csv(path)["id"]) == {row["id"] for row in read_rows(run)}


def test_pandas_reads_values_from_csv(people, tmp_path):
    """
    A property is a column; one with the name of another column has a prefix. Nested values are JSON.
    """
    pandas = pytest.importorskip("pandas")
    report = export_run(people, "csv", tmp_path / "x.csv")

    line = pandas.read_csv(report.files[0]).to_dict("records")[0]

    assert (line["value_id"], line["name"], line["height"], line["kind"]) == (7, ADA["name"], 2, "adult")
    assert json.loads(line["address"]) == ADA["address"]
    assert line["id"] == read_rows(people)[0]["id"]


@pytest.mark.parametrize("name", ["parquet", "huggingface"])
def test_parquet_has_typed_columns(people, tmp_path, name):
    """
    The types are those of the JSON schema. An open object is JSON text.
    """
    parquet = pytest.importorskip("pyarrow.parquet")
    report = export_run(people, name, tmp_path / "x")

    table = parquet.read_table(report.files[0])

    types = {field.name: str(field.type) for field in table.schema}
    assert types["value_id"] == "int64"
    assert (types["height"], types["married"], types["kind"]) == ("double", "bool", "string")
    assert types["tags"].startswith("list<")
    assert types["address"] == "struct<street: string, number: int64>"
    assert types["extra"] == "string"
    line = table.to_pylist()[0]
    assert {name.removeprefix("value_"): line[name] for name in types if name not in ("id", "extra")}.items() >= {
        name: value for name, value in ADA.items() if name != "extra"
    }.items()
    assert json.loads(line["extra"]) == ADA["extra"]


def test_pandas_reads_parquet(run, tmp_path):
    """
    One line per conversation.
    """
    pandas = pytest.importorskip("pandas")
    report = export_run(run, "parquet", tmp_path / "x.parquet")

    table = pandas.read_parquet(report.files[0])

    rows = read_rows(run)
    assert list(table["id"]) == [row["id"] for row in rows]
    assert [list(messages) for messages in table["messages"]] == [row["messages"] for row in rows]


def test_a_hugging_face_folder_is_a_dataset(run, load, tmp_path):
    """
    ``load_dataset`` reads the folder with its splits from the metadata of the card.
    """
    report = export_run(run, "huggingface", tmp_path / "folder", split=0.4, license="cc-by-4.0")

    found = load(str(tmp_path / "folder"))

    assert {split: len(part) for split, part in found.items()} == dict(report.rows)
    rows = {row["id"]: row["messages"] for row in read_rows(run)}
    assert {row["id"]: row["messages"] for part in found.values() for row in part} == rows


def test_a_folder_with_an_empty_split_is_a_dataset(run, load, tmp_path):
    """
    The split is left out, since ``load_dataset`` rejects a folder with an empty one. The report names it.
    """
    report = export_run(run, "huggingface", tmp_path / "folder", split=1e-9)

    assert {split: len(part) for split, part in load(str(tmp_path / "folder")).items()} == {"train": 12}
    assert [path.name for path in report.files] == ["train.parquet", "README.md"]
    assert report.rows == {"train": 12, "validation": 0}
    assert "The split validation has no row." in report.notes


def test_the_metadata_of_a_card_are_valid(run, tmp_path):
    """
    They are YAML with the fields of the Hub.
    """
    hub = pytest.importorskip("huggingface_hub")
    export_run(run, "huggingface", tmp_path / "folder", license="cc-by-4.0")

    data = hub.DatasetCard.load(tmp_path / "folder" / "README.md").data

    assert (data.license, data.pretty_name, data.tags) == ("cc-by-4.0", "data", ["synthetic", "budwood"])
    assert data.size_categories == ["n<1K"]
    assert data.configs == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/train.parquet"}]}
    ]
    assert [path.name for path in (tmp_path / "folder" / "data").iterdir()] == ["train.parquet"]
