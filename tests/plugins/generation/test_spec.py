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
    """Write a specification, and load it."""
    path = folder / "dataset.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_spec(path)


def load_error(folder: Path, text: str | bytes) -> str:
    """Load an invalid specification, and return the text of the error."""
    with pytest.raises(ConfigurationError) as raised:
        load(folder, text)
    return str(raised.value)


def test_most_keys_have_defaults(tmp_path):
    """
    A conversation needs rows, an output and a model.
    """
    spec = load(tmp_path, CONVERSATION)

    assert (spec.rows, spec.seed, spec.concurrency, spec.storage) == (3, 0, 16, None)
    assert spec.conversation is not None
    assert spec.conversation.turns == (1, 1)
    assert spec.conversation.strategy.plugin == "document-questions"
    assert spec.conversation.asker is None
    assert spec.conversation.answerer_options == ModelOptions()
    assert spec.modifiers == ()


def test_paths_are_relative_to_the_folder_of_the_specification(tmp_path):
    """
    Output and journal are next to the specification, for any current folder.
    """
    folder = tmp_path / "project"
    folder.mkdir()
    spec = load(folder, CONVERSATION)

    assert spec.root == folder
    assert spec.shown_output == folder / "data.jsonl"
    assert spec.run_folder == folder / "data.jsonl.run"


def test_documents_are_added_for_the_answerer_by_default(tmp_path):
    """
    With documents the default modifier is document-context. An empty list disables it.
    """
    documents = '[documents]\npaths = ["docs/*.md"]\n'
    assert load(tmp_path, CONVERSATION + documents).modifiers == (Choice(plugin="document-context"),)
    assert load(tmp_path, f"{CONVERSATION}modifiers = []\n{documents}").modifiers == ()
    named = load(tmp_path, f'{CONVERSATION}modifiers = ["persona", {{ plugin = "x", a = 1 }}]\n{documents}').modifiers
    assert [(choice.plugin, choice.settings) for choice in named] == [("persona", {}), ("x", {"a": 1})]


@pytest.mark.parametrize(
    ("text", "key", "suggestion"),
    [
        (CONVERSATION.replace("output", "outptu"), "outptu", "output"),
        (CONVERSATION + 'strategi = "persona"\n', "conversation.strategi", "strategy"),
        (ROW.replace("instruction", "instruktion") + 'schema = "s.json"\n', "row.instruktion", "instruction"),
        (CONVERSATION + "[conversation.asker_options]\ntemperatur = 1\n", "asker_options.temperatur", "temperature"),
        (CONVERSATION + '[documents]\npath = ["a.md"]\n', "documents.path", "paths"),
    ],
)
def test_a_misspelled_key_gets_a_suggestion(tmp_path, text, key, suggestion):
    """
    At every depth.
    """
    (tmp_path / "s.json").write_text("{}")

    error = load_error(tmp_path, text)

    assert f"{key}'" in error
    assert f"did you mean {suggestion}" in error


@pytest.mark.parametrize("text", [HEAD, CONVERSATION + ROW.removeprefix(HEAD) + "schema = {}\n"])
def test_exactly_one_kind_of_row_is_required(tmp_path, text):
    """
    Both tables, or neither, is an error that names them.
    """
    assert load_error(tmp_path, text) == "dataset.toml: set exactly one of [conversation] and [row]."


@pytest.mark.parametrize(("turns", "expected"), [("4", (4, 4)), ("[2, 5]", (2, 5)), ("[3, 3]", (3, 3))])
def test_turns_are_a_number_or_minimum_and_maximum(tmp_path, turns, expected):
    """
    Both forms are valid.
    """
    spec = load(tmp_path, f"{CONVERSATION}turns = {turns}\n")

    assert spec.conversation is not None
    assert spec.conversation.turns == expected


@pytest.mark.parametrize("turns", ["0", "[0, 2]", "[3, 1]", "[1, 2, 3]", "[2]", "101", '"many"', "1.5"])
def test_invalid_turns_are_rejected(tmp_path, turns):
    """
    The error names the key.
    """
    assert "conversation" in load_error(tmp_path, f"{CONVERSATION}turns = {turns}\n")


@pytest.mark.parametrize("change", ["rows = 0", "rows = -1", 'rows = "x"', "concurrency = 0", "rows = 3.5"])
def test_invalid_numbers_are_rejected(tmp_path, change):
    """
    The error names the key.
    """
    key = change.split(" ", maxsplit=1)[0]

    assert f"'{key}'" in load_error(tmp_path, f"{change}\n{CONVERSATION.replace('rows = 3', 'seed = 1')}")


def test_settings_of_a_plugin_can_be_the_lines_of_a_file(tmp_path):
    """
    `{ file = … }` is replaced by the lines that are not blank, in a strategy and in modifiers.
    """
    (tmp_path / "seeds.txt").write_bytes(b"\xef\xbb\xbfWhat is tea?\r\n\n  How old is it?  \n")
    strategy = 'strategy = { plugin = "seed-list", seeds = { file = "seeds.txt" }, request = "Go on." }\n'
    modifiers = 'modifiers = [{ plugin = "mine", words = { file = "seeds.txt" } }]\n'

    spec = load(tmp_path, CONVERSATION + strategy + modifiers)

    lines = ["What is tea?", "How old is it?"]
    assert spec.job.strategy.settings == {"seeds": lines, "request": "Go on."}
    assert spec.modifiers[0].settings == {"words": lines}


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_unusable_file_is_named(tmp_path, content):
    """
    The error for a missing file, or one that is not UTF-8, says what to do.
    """
    if content is not None:
        (tmp_path / "seeds.txt").write_bytes(content)

    error = load_error(tmp_path, CONVERSATION + 'strategy = { plugin = "seed-list", seeds = { file = "seeds.txt" } }\n')

    assert "seeds.txt" in error
    assert "relative to" in error or "UTF-8" in error


def test_a_schema_can_be_a_table_or_a_file(tmp_path):
    """
    Both give the same specification.
    """
    schema = {"type": "object", "properties": {"a": {"type": "string", "default": None}}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    inline = 'schema = { type = "object", properties = { a = { type = "string" } } }\n'

    from_file, from_table = load(tmp_path, ROW + 'schema = "schema.json"\n'), load(tmp_path, ROW + inline)

    assert from_file.row is not None
    assert from_file.row.json_schema == schema
    assert from_table.row is not None
    assert from_table.row.json_schema == {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("content", "expected"), [("{", "not valid JSON"), ("[]", "row.schema"), (None, "cannot be read")]
)
def test_an_invalid_schema_is_an_error(tmp_path, content, expected):
    """
    Invalid JSON, JSON that is not an object, and a missing file have different errors.
    """
    if content is not None:
        (tmp_path / "schema.json").write_text(content)

    assert expected in load_error(tmp_path, ROW + 'schema = "schema.json"\n')


def test_in_python_a_schema_can_be_a_pydantic_model():
    """
    It is converted to its JSON schema.
    """

    class Person(BaseModel):
        name: str
        age: int

    spec = RowSpec(model="offline/extractive", schema=Person, instruction="Make one up.")

    assert spec.json_schema == Person.model_json_schema()


def test_in_python_an_invalid_value_is_a_configuration_error(tmp_path):
    """
    The error is the same as for a file, and names the class.
    """
    with pytest.raises(ConfigurationError, match=r"GenerationSpec: set exactly one of \[conversation\] and \[row\]"):
        GenerationSpec(rows=1, output=Path("a.jsonl"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("rows = ", "not valid TOML"), (b"rows = 1 # \xff", "not valid UTF-8"), (b"\x00", "not valid TOML")],
)
def test_invalid_toml_is_an_error(tmp_path, text, expected):
    """
    Also if it is not text. The error names the file.
    """
    message = load_error(tmp_path, text)

    assert expected in message
    assert "dataset.toml" in message


@pytest.mark.parametrize("name", ["absent.toml", "folder"])
def test_an_unreadable_specification_is_an_error(tmp_path, name):
    """
    So is a folder.
    """
    (tmp_path / "folder").mkdir()

    with pytest.raises(ConfigurationError, match=f"{name}.*cannot be read"):
        load_spec(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (f"{CONVERSATION}[documents]\npaths = []\n", "'documents.paths': must have at least 1 item; got 0."),
        (
            f"{CONVERSATION}answerer_options = {{ stop = 3 }}\n",
            "'conversation.answerer_options.stop': must be a text or a list of texts, none of them empty.",
        ),
    ],
)
def test_errors_of_values_have_no_words_of_the_validator(tmp_path, text, error):
    """
    They name the key as in the file, and say what is expected.
    """
    assert load_error(tmp_path, text) == f"dataset.toml: {error}"


def test_internal_fields_are_not_known_keys(tmp_path):
    """
    The folder and the name of the file are not among the keys that an error lists.
    """
    error = load_error(tmp_path, "zzz = 1\n" + CONVERSATION)

    assert "known keys: attempts" in error
    assert "origin" not in error
    assert "root" not in error


def test_the_root_is_not_a_key(tmp_path):
    """
    Paths are relative to the folder of the file.
    """
    assert "unknown key 'root'" in load_error(tmp_path, 'root = "elsewhere"\n' + CONVERSATION)
