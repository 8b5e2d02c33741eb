from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from budwood_cli.errors import ArgumentError
from budwood_cli.new_specs import write_new_spec
from budwood_cli.spec_template import TemplateValues, write_template
from budwood_generation import load_spec
from tests.datasets import FACT

pytestmark = pytest.mark.one_python

TEMPLATES = [
    TemplateValues(),
    TemplateValues(
        documents=["docs/**/*.md", 'a"b'], model="local/tiny", asker="local/asker", turns=3, system='"Hi"\n'
    ),
    TemplateValues(schema="fact.json", instruction="State a fact.", documents=["docs/*"]),
    TemplateValues(instruction="Invent a word."),
]


@pytest.mark.parametrize("values", TEMPLATES)
@pytest.mark.parametrize("uncommented", [False, True])
def test_a_new_specification_is_valid(tmp_path, values, uncommented):
    """
    Also with all its comments that are keys, so that each can be used as it is.
    """
    (tmp_path / "fact.json").write_text(json.dumps(FACT))
    text = write_template(values)
    if uncommented:
        text = re.sub(r"^# (?=[a-z_]+ = |\[)", "", text, flags=re.MULTILINE)
        text = re.sub(r"^strategy = \{.*$" if values.documents else "^$", "", text, flags=re.MULTILINE)
    path = tmp_path / "spec.toml"
    path.write_text(text, "utf-8")

    loaded = load_spec(path)

    assert (loaded.rows, loaded.output) == (values.rows, values.output)
    if values.documents:
        assert list(loaded.documents.paths) == values.documents
    assert loaded.job.system == values.system or uncommented


def test_a_specification_is_printed_or_written(budwood, vendor, tmp_path):
    """
    The model of the settings is the default, and no file is overwritten.
    """
    printed = budwood("generate", "--init", "--documents", "docs/*.md", "--rows", "7", "--turns", "2")
    written = budwood("generate", "--init", "new.toml", "--model", "local/other")
    again = budwood("generate", "--init", "new.toml")

    table = tomllib.loads(printed.stdout)
    assert (table["rows"], table["documents"]["paths"]) == (7, ["docs/*.md"])
    assert table["conversation"]["answerer"] == "local/tiny"
    assert (written.returncode, written.stdout) == (0, "new.toml\n")
    assert tomllib.loads((tmp_path / "new.toml").read_text())["conversation"]["answerer"] == "local/other"
    assert again.returncode == 2
    assert "'new.toml' exists" in again.stderr


def test_a_new_specification_can_be_run(budwood, vendor):
    """
    As it was written.
    """
    assert budwood("generate", "--init", "new.toml", "--rows", "1").returncode == 0

    run = budwood("generate", "new.toml", "--quiet")

    assert (run.returncode, run.stdout) == (0, "dataset.jsonl\n")


def test_a_folder_of_documents_selects_its_files(tmp_path):
    """
    It is relative to the specification, as all paths in it.
    """
    (tmp_path / "texts" / "old").mkdir(parents=True)

    write_new_spec(tmp_path / "new.toml", {"documents": ["texts", "texts/old/", "*.md"], "model": "local/tiny"})

    assert load_spec(tmp_path / "new.toml").documents.paths == ("texts/**", "texts/old/**", "*.md")


@pytest.mark.parametrize("path", [None, Path("-")])
def test_a_specification_without_a_file_is_printed(capsys, monkeypatch, path):
    """
    A note says that the model is missing, if there is none in the settings.
    """
    monkeypatch.delenv("BUDWOOD_MODEL", raising=False)

    write_new_spec(path, {"rows": 5})

    printed = capsys.readouterr()
    assert tomllib.loads(printed.out)["rows"] == 5
    assert 'no model is set: replace "provider/model"' in printed.err
    assert not Path("-").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "qa.toml"}, "--output qa.toml: this is the output of the dataset, not the specification"),
        ({"output": ""}, "'output'"),
        ({"turns": 500}, "'conversation.turns'"),
        ({"documents": [""]}, "'documents.paths.0'"),
        ({"system": ""}, "'conversation.system'"),
        ({"schema": ""}, "--schema ''"),
        ({"model": "gpt"}, "--model 'gpt': expected \"provider/model\""),
        ({"schema": "x.json", "turns": 2}, "--turns is for conversations, and --schema for structured rows"),
        ({"instruction": "x", "asker": "a/b"}, "--asker is for conversations"),
    ],
)
def test_a_specification_that_would_not_run_is_not_written(tmp_path, options, message):
    """
    The error names the option or the key.
    """
    path = tmp_path / "new.toml"

    with pytest.raises(ArgumentError, match=re.escape(message)):
        write_new_spec(path, options)

    assert not path.exists()


def test_the_file_of_a_specification_is_an_argument():
    """
    -o is the output of the dataset, also with --init; the hint has the command that was meant.
    """
    with pytest.raises(ArgumentError) as caught:
        write_new_spec(None, {"output": "qa.toml"})

    assert caught.value.hint == "`budwood generate --init qa.toml` writes the specification."


def test_options_of_a_run_are_refused_with_init(budwood, tmp_path):
    """
    They would have no effect.
    """
    run = budwood("generate", "--init", "new.toml", "--set", "rows=3", "--dry-run")

    assert run.returncode == 2
    assert run.stderr == "error: --set, --dry-run: not with --init.\nhint: Write SPEC.toml first.\n"
    assert not (tmp_path / "new.toml").exists()
