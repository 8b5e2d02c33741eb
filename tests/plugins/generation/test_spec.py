from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from budwood.errors import ConfigurationError
from budwood_generation import Choice, GenerationSpec, RowSpec, load_spec
from budwood_generation.spec import ModelOptions

HEAD = 'rows = 3\noutput = "data.jsonl"\n'
CONVERSATION = HEAD + '[conversation]\nanswerer = "offline/extractive"\n'
ROW = HEAD + '[row]\nmodel = "offline/extractive"\ninstruction = "State a fact."\n'


def load(folder: Path, text: str | bytes) -> GenerationSpec:
    """Write a specification, and read it."""
    path = folder / "dataset.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_spec(path)


def refused(folder: Path, text: str | bytes) -> str:
    """Read a specification that cannot be used; return what is said of it."""
    with pytest.raises(ConfigurationError) as raised:
        load(folder, text)
    return str(raised.value)


def test_little_has_to_be_said(tmp_path):
    """
    A conversation needs rows, an output and a model; all else has a default.
    """
    spec = load(tmp_path, CONVERSATION)

    assert (spec.rows, spec.seed, spec.concurrency, spec.storage.plugin) == (3, 0, 16, "jsonl")
    assert spec.conversation is not None
    assert spec.conversation.turns == (1, 1)
    assert spec.conversation.strategy.plugin == "document-questions"
    assert spec.conversation.asker is None
    assert spec.conversation.answerer_options == ModelOptions()
    assert spec.modifiers == ()


def test_paths_are_relative_to_the_folder_of_the_specification(tmp_path):
    """
    Output and journal lie beside the specification, wherever the program is started.
    """
    folder = tmp_path / "project"
    folder.mkdir()
    spec = load(folder, CONVERSATION)

    assert spec.root == folder
    assert spec.output_path == folder / "data.jsonl"
    assert spec.run_folder == folder / "data.jsonl.run"


def test_documents_reach_the_answerer_by_default(tmp_path):
    """
    With documents the modifier is document-context, unless the modifiers are named; an empty list is none.
    """
    documents = '[documents]\npaths = ["docs/*.md"]\n'
    assert load(tmp_path, CONVERSATION + documents).modifiers == (Choice(plugin="document-context"),)
    assert load(tmp_path, f"{CONVERSATION}modifiers = []\n{documents}").modifiers == ()
    named = load(tmp_path, f'{CONVERSATION}modifiers = ["persona", {{ plugin = "x", a = 1 }}]\n{documents}').modifiers
    assert [(choice.plugin, choice.settings) for choice in named] == [("persona", {}), ("x", {"a": 1})]


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        (CONVERSATION.replace("output", "outptu"), "outptu", "output"),
        (CONVERSATION + 'strategi = "persona"\n', "conversation.strategi", "strategy"),
        (ROW.replace("instruction", "instruktion") + 'schema = "s.json"\n', "row.instruktion", "instruction"),
        (CONVERSATION + "[conversation.asker_options]\ntemperatur = 1\n", "asker_options.temperatur", "temperature"),
        (CONVERSATION + '[documents]\npath = ["a.md"]\n', "documents.path", "paths"),
    ],
)
def test_a_misspelt_key_is_named_with_what_is_near(tmp_path, text, key, near):
    """
    At every depth, an unknown key is refused and the key that was meant is proposed.
    """
    (tmp_path / "s.json").write_text("{}")

    said = refused(tmp_path, text)

    assert f"{key}'" in said
    assert f"did you mean {near}" in said


@pytest.mark.parametrize("text", [HEAD, CONVERSATION + ROW.removeprefix(HEAD) + "schema = {}\n"])
def test_exactly_one_kind_of_row_is_asked_for(tmp_path, text):
    """
    Both tables, or neither of them, is an error that names them.
    """
    assert refused(tmp_path, text) == "dataset.toml: give one of [conversation] and [row]."


@pytest.mark.parametrize(("turns", "expected"), [("4", (4, 4)), ("[2, 5]", (2, 5)), ("[3, 3]", (3, 3))])
def test_turns_are_a_number_or_least_and_most(tmp_path, turns, expected):
    """
    Both forms are understood.
    """
    spec = load(tmp_path, f"{CONVERSATION}turns = {turns}\n")

    assert spec.conversation is not None
    assert spec.conversation.turns == expected


@pytest.mark.parametrize("turns", ["0", "[0, 2]", "[3, 1]", "[1, 2, 3]", "[2]", "101", '"many"', "1.5"])
def test_impossible_turns_are_refused(tmp_path, turns):
    """
    Too few, too many, in the wrong order or no numbers: the error names the key.
    """
    assert "conversation" in refused(tmp_path, f"{CONVERSATION}turns = {turns}\n")


@pytest.mark.parametrize("change", ["rows = 0", "rows = -1", 'rows = "x"', "concurrency = 0", "rows = 3.5"])
def test_impossible_numbers_are_refused(tmp_path, change):
    """
    The error names the key.
    """
    key = change.split(" ", maxsplit=1)[0]

    assert f"'{key}'" in refused(tmp_path, f"{change}\n{CONVERSATION.replace('rows = 3', 'seed = 1')}")


def test_settings_of_a_plugin_may_be_the_lines_of_a_file(tmp_path):
    """
    `{ file = … }` stands for the lines that are not empty, in a strategy and in each of the modifiers.
    """
    (tmp_path / "seeds.txt").write_bytes(b"\xef\xbb\xbfWhat is tea?\r\n\n  How old is it?  \n")
    strategy = 'strategy = { plugin = "seed-list", seeds = { file = "seeds.txt" }, request = "Go on." }\n'
    modifiers = 'modifiers = [{ plugin = "mine", words = { file = "seeds.txt" } }]\n'

    spec = load(tmp_path, CONVERSATION + strategy + modifiers)

    lines = ["What is tea?", "How old is it?"]
    assert spec.job.strategy.settings == {"seeds": lines, "request": "Go on."}
    assert spec.modifiers[0].settings == {"words": lines}


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_used_is_named(tmp_path, content):
    """
    A missing file, or one that is not UTF-8, is an error with the name of the file and a cure.
    """
    if content is not None:
        (tmp_path / "seeds.txt").write_bytes(content)

    said = refused(tmp_path, CONVERSATION + 'strategy = { plugin = "seed-list", seeds = { file = "seeds.txt" } }\n')

    assert "seeds.txt" in said
    assert "relative to" in said or "UTF-8" in said


def test_a_schema_may_be_a_table_or_a_file(tmp_path):
    """
    Both forms make the same specification.
    """
    schema = {"type": "object", "properties": {"a": {"type": "string", "default": None}}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    inline = 'schema = { type = "object", properties = { a = { type = "string" } } }\n'

    from_file, from_table = load(tmp_path, ROW + 'schema = "schema.json"\n'), load(tmp_path, ROW + inline)

    assert from_file.row is not None
    assert from_file.row.json_schema == schema
    assert from_table.row is not None
    assert from_table.row.json_schema == {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(("content", "said"), [("{", "no valid JSON"), ("[]", "row.schema"), (None, "cannot be read")])
def test_a_schema_that_cannot_be_read_is_an_error(tmp_path, content, said):
    """
    Broken JSON, JSON that is no table, and a missing file are told apart.
    """
    if content is not None:
        (tmp_path / "schema.json").write_text(content)

    assert said in refused(tmp_path, ROW + 'schema = "schema.json"\n')


def test_from_python_a_schema_may_be_a_pydantic_model():
    """
    It stands for its JSON schema.
    """

    class Person(BaseModel):
        name: str
        age: int

    spec = RowSpec(model="offline/extractive", schema=Person, instruction="Make one up.")

    assert spec.json_schema == Person.model_json_schema()


def test_from_python_a_wrong_value_is_a_configuration_error(tmp_path):
    """
    The error is the same as for a file, and names the class.
    """
    with pytest.raises(ConfigurationError, match=r"GenerationSpec: give one of \[conversation\] and \[row\]"):
        GenerationSpec(rows=1, output=Path("a.jsonl"))


@pytest.mark.parametrize(
    ("text", "said"),
    [("rows = ", "not valid TOML"), (b"rows = 1 # \xff", "not valid UTF-8"), (b"\x00", "not valid TOML")],
)
def test_text_that_is_no_toml_is_an_error(tmp_path, text, said):
    """
    Also when it is no text at all; the error names the file.
    """
    message = refused(tmp_path, text)

    assert said in message
    assert "dataset.toml" in message


@pytest.mark.parametrize("name", ["absent.toml", "folder"])
def test_a_specification_that_cannot_be_opened_is_an_error(tmp_path, name):
    """
    A missing file and a folder are no tracebacks.
    """
    (tmp_path / "folder").mkdir()

    with pytest.raises(ConfigurationError, match=f"{name}.*cannot be read"):
        load_spec(tmp_path / name)


def test_the_root_is_no_key(tmp_path):
    """
    Where the paths begin is where the file is.
    """
    assert "unknown key 'root'" in refused(tmp_path, 'root = "elsewhere"\n' + CONVERSATION)
