"""A dataset of the documentation of Python, exported in every format and loaded back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from budwood_generation import export_formats, export_run, generate, make_plan

DOCUMENTATION = Path("/usr/share/doc/python3.11/html")
ROWS = 2000
LINES = ["openai", "messages", "sharegpt", "alpaca", "chatml", "jsonl"]
TABLES = ["csv", "parquet"]
FOLDERS = ["llama-factory", "huggingface"]

pytestmark = [
    pytest.mark.deep,
    pytest.mark.one_python,
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(not DOCUMENTATION.is_dir(), reason="apt-get install --no-install-recommends python3.11-doc"),
]


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """
    The plan of conversations about the documentation.
    """
    spec = {
        "rows": ROWS,
        "seed": 11,
        "output": "python.jsonl",
        "root": str(tmp_path_factory.mktemp("run")),
        "concurrency": 64,
        "documents": {"paths": [f"{DOCUMENTATION}/**/*.html"], "exclude": [f"{DOCUMENTATION}/genindex*"]},
        "conversation": {"answerer": "offline/extractive", "turns": [1, 3]},
    }
    return make_plan(spec)


@pytest.fixture(scope="module")
def run(plan):
    """
    The finished run.
    """
    return generate(plan.spec)


def read_lines(path: Path) -> list[dict[str, object]]:
    """
    Return the objects of a file with JSON lines.
    """
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def test_the_dataset_is_complete(plan, run, record_property):
    """
    Each row has an id of its own, and turns of questions and answers.
    """
    rows = read_lines(run.output)

    assert plan.documents > 400
    assert not plan.unreadable
    assert run.complete
    assert len({row["id"] for row in rows}) == ROWS
    assert all(len(row["messages"]) in (2, 4, 6) for row in rows)
    record_property("Python's documentation, offline", f"{plan.documents} pages, {ROWS:,} rows, {run.calls:,} calls")


def test_every_format_is_loaded_back():
    """
    The tests below have all formats.
    """
    assert {found.name for found in export_formats()} == {*LINES, *TABLES, *FOLDERS}


@pytest.mark.parametrize("name", LINES)
def test_formats_with_json_lines_are_loaded(run, tmp_path, name, record_property):
    """
    The package ``datasets`` reads both parts, which together have all rows.
    """
    datasets = pytest.importorskip("datasets")
    report = export_run(run.run_folder, name, tmp_path / "rows.jsonl", split=0.1)
    files = {path.stem.rpartition(".")[2]: str(path) for path in report.files}
    loaded = datasets.load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))

    assert sum(len(part) for part in loaded.values()) == ROWS
    record_property(f"Its export as {name}", f"{ROWS:,} rows loaded by datasets")


def test_tables_are_loaded(run, tmp_path, record_property):
    """
    Pandas and pyarrow read the rows of CSV and Parquet files.
    """
    pandas, parquet = pytest.importorskip("pandas"), pytest.importorskip("pyarrow.parquet")
    export_run(run.run_folder, "csv", tmp_path / "rows.csv")
    export_run(run.run_folder, "parquet", tmp_path / "rows.parquet")

    assert pandas.read_csv(tmp_path / "rows.csv")["id"].nunique() == ROWS
    assert parquet.read_table(tmp_path / "rows.parquet").num_rows == ROWS
    record_property("Its exports as csv and parquet", f"{ROWS:,} rows loaded by pandas and pyarrow")


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_are_loaded(run, tmp_path, name, record_property):
    """
    The files that ``dataset_info.json`` names, and those of a Hugging Face folder, have all rows.
    """
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "folder"
    export_run(run.run_folder, name, folder)
    if name == "huggingface":
        loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        assert sum(len(part) for part in loaded.values()) == ROWS
    else:
        info = json.loads((folder / "dataset_info.json").read_text("utf-8"))
        files = [str(folder / entry["file_name"]) for entry in info.values()]  # loaded as LLaMA-Factory does
        loaded = datasets.load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"), split="train")
        assert len(loaded) == ROWS
        assert {column for entry in info.values() for column in entry["columns"].values()} <= set(loaded.column_names)
    record_property(f"Its export as {name}", f"{ROWS:,} rows loaded by datasets")
