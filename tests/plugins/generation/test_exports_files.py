from __future__ import annotations

import gzip
import json
import sys

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import OutputError, export_run, generate
from budwood_generation.exports import writers
from budwood_generation.exports.splits import split_of
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, read_rows, row_spec, write_spec


@pytest.fixture
def run(tmp_path):
    """
    A run with six conversations.
    """
    return generate(conversation_spec(tmp_path)).output


def snapshot(folder):
    """
    Return the content of all files in a folder.
    """
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_output_is_next_to_the_run(run):
    """
    Its name is that of the output and of the format.
    """
    assert [path.name for path in export_run(run, "openai").files] == ["data.openai.jsonl"]
    assert [path.name for path in export_run(run, "csv").files] == ["data.csv"]
    assert [path.name for path in export_run(run, "jsonl").files] == ["data.export.jsonl"]
    assert export_run(run, "llama-factory").files[0] == run.with_name("data.llama-factory") / "data.jsonl"


def test_files_are_not_overwritten_unasked(run, tmp_path):
    """
    The error says how to replace them.
    """
    path = tmp_path / "x.jsonl"
    path.write_text("mine")

    with pytest.raises(ConfigurationError, match=r"x\.jsonl' exists") as caught:
        export_run(run, "openai", path)

    assert "--force" in caught.value.hint
    assert path.read_text() == "mine"
    export_run(run, "openai", path, force=True)
    assert len(read_rows(path)) == 6


@pytest.mark.parametrize(
    "name",
    ["data.jsonl", "data.jsonl.provenance.jsonl", "data.jsonl.run/journal.sqlite", "data.jsonl.run/x.jsonl"],
)
def test_the_files_of_the_run_are_never_replaced(run, tmp_path, name):
    """
    Not even with force.
    """
    before = run.read_bytes()

    with pytest.raises(ConfigurationError, match="belongs to the run itself"):
        export_run(run, "openai", tmp_path / name, force=True)

    assert run.read_bytes() == before


def test_a_failed_export_changes_no_file(run, tmp_path, monkeypatch):
    """
    The old file stays as it was, and no temporary file is left.
    """
    path = tmp_path / "x.jsonl"
    path.write_text("old")
    before = snapshot(tmp_path)

    def fail(_self, _record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writers.LinesWriter, "write", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        export_run(run, "openai", path, force=True)

    assert snapshot(tmp_path) == before


def test_the_split_of_a_row_depends_on_its_id_alone(run, tmp_path):
    """
    Both files together have all rows, and each row is in the file that its id says.
    """
    report = export_run(run, "messages", tmp_path / "x.jsonl", split=0.5)

    train, validation = map(read_rows, report.files)
    assert [path.name for path in report.files] == ["x.train.jsonl", "x.validation.jsonl"]
    assert report.rows == {"train": len(train), "validation": len(validation)}
    assert {split_of(row["id"], 0.5) for row in train} == {"train"}
    assert {split_of(row["id"], 0.5) for row in validation} == {"validation"}
    assert len(train) + len(validation) == 6


def test_a_larger_split_keeps_the_rows_of_a_smaller_one():
    """
    The validation has about as many rows as asked for, and none leaves it when it grows.
    """
    ids = [f"{number:032x}" for number in range(2000)]

    small = {row for row in ids if split_of(row, 0.1) == "validation"}
    large = {row for row in ids if split_of(row, 0.2) == "validation"}

    assert small < large
    assert 150 < len(small) < 250


@pytest.mark.parametrize("split", [0, 1, -0.1, 1.5, float("nan")])
def test_an_impossible_split_is_refused(run, split):
    """
    The error names the option.
    """
    with pytest.raises(ConfigurationError, match="split must be a number between 0 and 1"):
        export_run(run, "openai", split=split)


def test_an_empty_split_is_reported(run, tmp_path):
    """
    A note names it. OpenAI's minimum of examples is another note.
    """
    report = export_run(run, "openai", tmp_path / "x.jsonl", split=1e-9)

    assert report.rows == {"train": 6, "validation": 0}
    assert report.notes == (
        "The split validation has no row.",
        "OpenAI needs at least 10 examples for fine-tuning.",
    )


def test_equal_rows_give_equal_files(run, tmp_path):
    """
    Also if they are compressed: the header of gzip has no time.
    """
    one = export_run(run, "messages", tmp_path / "one.jsonl.gz").files[0]
    two = export_run(run, "messages", tmp_path / "two.jsonl.gz").files[0]

    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes()[4:8] == bytes(4)
    assert len(gzip.decompress(one.read_bytes()).splitlines()) == 6


def test_a_running_run_can_be_exported(tmp_path):
    """
    At any moment the export has the rows that are finished, and the journal does not change.
    """
    folder = tmp_path / "data.jsonl.run"
    exported = []

    def export(progress):
        report = export_run(folder, "messages", tmp_path / f"x{len(exported)}.jsonl")
        exported.append((progress.rows_done, report.rows["train"], report.rows_planned))

    generate(conversation_spec(tmp_path, job={"turns": 1}, concurrency=1), on_progress=export)

    assert exported[-1] == (6, 6, 6)
    assert all(before <= count for before, count, _ in exported)
    assert len({count for _, count, _ in exported}) > 2


def test_an_export_does_not_change_the_run(run, tmp_path):
    """
    The journal has the same bytes as before.
    """
    journal = tmp_path / "data.jsonl.run" / "journal.sqlite"
    before = journal.read_bytes()

    export_run(run, "openai", tmp_path / "x.jsonl")

    assert journal.read_bytes() == before


def test_a_missing_package_is_named(run, tmp_path, monkeypatch):
    """
    The hint says how to install it, and no file is left.
    """
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    before = snapshot(tmp_path)

    with pytest.raises(ConfigurationError, match="pyarrow, which is not installed") as caught:
        export_run(run, "parquet", tmp_path / "x.parquet")

    assert "pip install pyarrow" in caught.value.hint
    assert snapshot(tmp_path) == before


def test_other_datasets_stay_in_the_registry(run, tmp_path):
    """
    A dataset is added to the registry of LLaMA-Factory, and replaced only if asked.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "dataset_info.json").write_text('{"alpaca_en": {"file_name": "a.json"}}')

    export_run(run, "llama-factory", folder)

    assert set(json.loads((folder / "dataset_info.json").read_text())) == {"alpaca_en", "data"}
    (folder / "data.jsonl").unlink()
    with pytest.raises(ConfigurationError, match="has an entry for data"):
        export_run(run, "llama-factory", folder)
    export_run(run, "llama-factory", folder, force=True)


@pytest.mark.parametrize("text", ["[]", "no json"])
def test_another_file_is_no_registry(run, tmp_path, text):
    """
    It is not replaced.
    """
    registry = tmp_path / "folder" / "dataset_info.json"
    registry.parent.mkdir()
    registry.write_text(text)

    with pytest.raises(ConfigurationError, match=r"dataset_info\.json"):
        export_run(run, "llama-factory", registry.parent, force=True)

    assert registry.read_text() == text


def test_the_card_states_how_the_rows_came_about(tmp_path):
    """
    Models with parameters, prompts, seed, documents, calls, costs and licence, and no path of this machine.
    """
    prices = {"models": {"local/*": {"prices": {"input": "1", "output": "2"}}}}
    job = {
        "answerer": "local/tiny",
        "answerer_options": {"temperature": 0.5, "stop": "|"},
        "system": "Use ``` for code.",
        "strategy": {"plugin": "persona", "personas": [f"person {number}" for number in range(30)]},
        "turns": 1,
    }
    with ChatServer() as server:
        run = generate(conversation_spec(tmp_path, job=job, rows=3), settings=server.settings | prices).output

    report = export_run(run, "huggingface", tmp_path / "folder", license="cc-by-4.0")

    card = (tmp_path / "folder" / "README.md").read_text("utf-8")
    assert r'| answerer | local/tiny | temperature = 0.5, stop = "\|" |' in card
    assert "````text\nUse ``` for code.\n````" in card
    assert "person 19" in card
    assert "person 20" not in card
    assert "… and 10 more" in card
    assert "The seed of the run is 7." in card
    assert "- docs/tea.md: " in card
    assert "| 6 | 66 | 30 | 0.0001 |" in card
    assert card.endswith("## Licence\n\ncc-by-4.0\n")
    assert str(tmp_path) not in card
    assert report.notes == ()


def test_a_card_without_a_licence_says_so(tmp_path):
    """
    A note asks for one. The schema of structured values is on the card, and so are default settings.
    """
    run = generate(row_spec(tmp_path, rows=2)).output

    report = export_run(run, "huggingface", tmp_path / "folder")

    card = (tmp_path / "folder" / "README.md").read_text("utf-8")
    assert "license:" not in card
    assert '"subject": {' in card
    assert '"request": "Answer from this passage alone.' in card
    assert "No licence is stated." in card
    assert len(report.notes) == 1


def test_a_card_names_the_file_of_seeds(tmp_path):
    """
    Not the seeds, which the rows have.
    """
    (tmp_path / "seeds.csv").write_text("product,price\ntea,3\n")
    strategy = {"plugin": "seed-list", "seeds": {"file": "seeds.csv"}, "question": "Is {product} worth {price}?"}
    path = write_spec(conversation_spec(tmp_path, job={"strategy": strategy}, rows=1))
    run = generate(path).output

    export_run(run, "huggingface", tmp_path / "folder")

    card = (tmp_path / "folder" / "README.md").read_text("utf-8")
    assert '"file": "seeds.csv"' in card
    assert '"question": "Is {product} worth {price}?"' in card
    assert "seeds.0" not in card


@pytest.mark.parametrize(("name", "license_name"), [("huggingface", "My own!"), ("openai", "mit")])
def test_an_invalid_licence_is_refused(run, tmp_path, name, license_name):
    """
    It must be an identifier, and only the card has a place for it.
    """
    with pytest.raises(ConfigurationError, match="licence"):
        export_run(run, name, tmp_path / "x", license=license_name)
