"""Specifications of datasets: read if their meaning is clear, otherwise rejected with an explanation."""

from __future__ import annotations

import datetime as dt
import enum

import pytest
from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from budwood.errors import BudwoodError, ConfigurationError
from budwood_generation import (
    Choice,
    ConversationSpec,
    Documents,
    GenerationSpec,
    ModelOptions,
    RowSpec,
    generate,
    list_runs,
    load_spec,
    make_plan,
    resume,
    show_run,
)
from tests.datasets import OFFLINE, write_documents

CONVERSATION = {
    "rows": 2,
    "output": "data.jsonl",
    "documents": {"paths": ["docs/*"]},
    "conversation": {"answerer": OFFLINE},
}


class Person(BaseModel):
    name: str


class Place(TypedDict):
    name: str


class Colour(enum.Enum):
    RED = "red"


def add_key(path, value=1):
    """
    Return the specification with one additional key at a dotted path.
    """
    *tables, key = path.split(".")
    spec = {name: dict(inner) if isinstance(inner, dict) else inner for name, inner in CONVERSATION.items()}
    table = spec
    for name in tables:
        table = table.setdefault(name, {})
    table[key] = value
    return spec


def get_plan_error(source):
    """
    Plan an invalid specification, and return the text of the error.
    """
    with pytest.raises(ConfigurationError) as raised:
        make_plan(source)
    assert not isinstance(raised.value.__cause__ or raised.value.__context__, ValidationError)
    return str(raised.value)


def test_a_dictionary_is_a_specification(tmp_path, monkeypatch):
    """
    A dictionary has the keys of the file; its paths are relative to the current folder or to its ``root``.
    """
    write_documents(tmp_path)
    elsewhere = {**CONVERSATION, "root": str(tmp_path), "output": "other.jsonl"}
    assert generate(elsewhere).output == tmp_path / "other.jsonl"

    monkeypatch.chdir(tmp_path)
    assert generate(CONVERSATION).output == tmp_path / "data.jsonl"
    assert make_plan(CONVERSATION).spec == make_plan({**CONVERSATION, "root": tmp_path}).spec


def test_a_path_can_be_planned(tmp_path):
    """
    `make_plan` accepts the same arguments as `generate`.
    """
    write_documents(tmp_path)
    path = tmp_path / "spec.toml"
    path.write_text(
        f'rows = 2\noutput = "a.jsonl"\n[documents]\npaths = ["docs/*"]\n[conversation]\nanswerer = "{OFFLINE}"\n'
    )

    assert len(make_plan(path).cells) == len(make_plan(str(path)).cells) == 2


@pytest.mark.parametrize("act", [generate, make_plan, load_spec, resume, show_run, list_runs])
@pytest.mark.parametrize("source", [None, 5, 1.5, b"spec.toml", ["spec.toml"], {"rows"}, "a\0b", "\ud800", "x" * 9000])
def test_invalid_specification_arguments_are_rejected(act, source):
    """
    Other types and invalid file names raise errors of Budwood.
    """
    with pytest.raises(BudwoodError):
        act(source)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GenerationSpec(**{**CONVERSATION, "rows": 0}), "GenerationSpec: 'rows'"),
        (
            lambda: GenerationSpec(rows=1, output="a", conversation={"turns": 0, "answerer": "a/b"}),
            "conversation.turns",
        ),
        (GenerationSpec, "'rows' is missing"),
        (ConversationSpec, 'Set answerer = "provider/model"'),
        (lambda: RowSpec(model="a/b", instruction="c"), "'schema' is missing"),
        (lambda: Documents(paths=()), "Documents: 'paths'"),
        (lambda: ModelOptions(temperature="hot"), "ModelOptions: 'temperature'"),
        (Choice, "'plugin' is missing"),
    ],
)
def test_classes_explain_invalid_values(make, message):
    """
    Invalid values in Python raise the same errors as in a file, with the place of the value.
    """
    with pytest.raises(ConfigurationError) as raised:
        make()

    assert message in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([4, 1], "turns must be [minimum, maximum]; got [4, 1]."),
        ((4, 1), "turns must be [minimum, maximum]; got [4, 1]."),
        (0, "turns must be a number from 1 to 100, or [minimum, maximum]; got 0."),
        ([0, 4], "got [0, 4]."),
        (101, "got 101."),
        ([1], "got [1]."),
        ([1, 2, 3], "got [1, 2, 3]."),
        ("1-3", 'got "1-3".'),
        (True, "got true."),
        (1.5, "got 1.5."),
        (10**400, "got a value of type int."),
        ({"min": 1}, "got {"),
        (None, "got null."),
    ],
)
def test_invalid_turns_are_shown(turns, message):
    """
    The error shows the expected form and the value.
    """
    assert message in get_plan_error(add_key("conversation.turns", turns))


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("conversation.stop", "Set conversation.asker_options.stop or conversation.answerer_options.stop."),
        ("stop", "conversation.answerer_options.stop or row.options.stop."),
        ("temperature", "conversation.answerer_options.temperature or row.options.temperature."),
        ("conversation.max_new_tokens", "conversation.answerer_options.max_tokens."),
        ("conversation.answerer_options.seed", "Set seed at the top level."),
        ("conversation.answerer_options.max_completion_tokens", "did you mean max_tokens?"),
        ("conversation.answerer_options.stop_sequences", "answerer_options.stop."),
        ("conversation.answerer_options.api_key", "[providers.NAME]"),
        ("conversation.answerer_options.stream", "Leave it out"),
        ("conversation.answerer_options.tools", "not supported"),
        ("conversation.answerer_options.messages", "The strategy writes the questions."),
        ("conversation.answerer_options.model", "conversation.answerer"),
        ("conversation.model", "Set conversation.answerer"),
        ("model", "Set conversation.answerer"),
        ("base_url", "[providers.NAME]"),
        ("conversation.seeds", 'strategy = { plugin = "seed-list"'),
        ("conversation.personas", "strategy"),
        ("row.records", 'seeds = { file = "seeds.csv" }'),
        ("seed_file", 'seeds = { file = "seeds.csv" }'),
        ("conversation.prompt", "row.instruction"),
        ("conversation.system_prompt", "did you mean system?"),
        ("system", "Set conversation.system or row.system."),
        ("num_rows", "did you mean rows?"),
        ("n", "Set rows at the top level."),
        ("turns", "Set conversation.turns."),
        ("paths", "Set documents.paths."),
        ("files", "Set documents.paths."),
        ("conversation.rows", "Set rows at the top level."),
        ("documents.chunk_size", "Set documents.passage_chars."),
        ("workers", "Set concurrency at the top level."),
        ("response_format", "Set row.schema."),
        ("format", "Set storage at the top level."),
        ("conversation.reasoning", "conversation.answerer_options.reasoning"),
    ],
)
def test_keys_of_other_programs_are_explained(key, hint):
    """
    The error for a key of another program names Budwood's equivalent.
    """
    message = get_plan_error(add_key(key))

    assert f"unknown key '{key}'" in message
    assert hint in message


def test_a_misspelt_key_gets_one_suggestion():
    """
    If a similar key exists in the same table, only this key is suggested.
    """
    message = get_plan_error({**CONVERSATION, "documents": {"path": ["a.md"]}})

    assert "did you mean paths" in message
    assert "output" not in message


def test_stop_is_an_option(tmp_path):
    """
    `stop` accepts a text or a list of texts, as in `ask`.
    """
    write_documents(tmp_path)
    for stop in ("END", ["END", "STOP"]):
        spec = add_key("conversation.answerer_options", {"stop": stop}) | {"root": tmp_path}
        parameters = make_plan(spec).spec.conversation.answerer_options.parameters()
        assert list(parameters["stop"]) == list(stop)


@pytest.mark.parametrize(
    "key",
    [
        *("rows", "seed", "concurrency", "documents.passage_chars", "conversation.answerer_options.timeout"),
        *("conversation.answerer_options.max_tokens", "conversation.answerer_options.temperature"),
    ],
)
@pytest.mark.parametrize("value", [10**400, -(10**5000), float("inf"), float("nan"), "9" * 5000], ids=range(5))
def test_huge_numbers_are_rejected(tmp_path, key, value):
    """
    Huge numbers raise an error before the plan is made.
    """
    write_documents(tmp_path)

    assert len(get_plan_error(add_key(key, value) | {"root": tmp_path})) < 500


@pytest.mark.parametrize("output", ["", ".", "..", "/", "a\0b", "docs/.."])
def test_an_invalid_output_is_rejected(output):
    """
    Folders and invalid file names raise an error.
    """
    assert "'output'" in get_plan_error({**CONVERSATION, "output": output})


@pytest.mark.parametrize("paths", [["a\0b"], ["docs/*\0"], [""], [1], [], "docs/*"])
def test_invalid_document_paths_are_rejected(paths):
    """
    The error names the key.
    """
    assert "documents.paths" in get_plan_error({**CONVERSATION, "documents": {"paths": paths}})


def make_nested_schema(depth):
    """
    Return a schema with this many nested levels.
    """
    schema = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def test_an_extreme_schema_is_rejected(tmp_path):
    """
    Thousands of nested levels raise an error, in a dictionary and in a file.
    """
    row = {"model": OFFLINE, "instruction": "Go."}
    strategy = {"plugin": "seed-list", "seeds": ["a"]}
    (tmp_path / "deep.json").write_text('{"items":' * 5000 + "{}" + "}" * 5000)
    spec = {"rows": 1, "output": "a.jsonl", "root": tmp_path}

    for schema in (make_nested_schema(5000), "deep.json", "a\0b"):
        get_plan_error({**spec, "row": {**row, "strategy": strategy, "schema": schema}})


@pytest.mark.parametrize("kind", [Person, list[Person], Place, Colour, int, dict[str, int], Person | None])
def test_a_schema_may_be_any_type(kind):
    """
    `schema` accepts each type that Pydantic validates, as in `ask`.
    """
    spec = RowSpec(model=OFFLINE, schema=kind, instruction="Go.")

    assert isinstance(spec.json_schema, dict)


@pytest.mark.parametrize("kind", [object(), ["a"], "schema.json", 5, dt.date(2026, 1, 1)])
def test_an_invalid_schema_is_rejected(kind):
    """
    The error names the key.
    """
    with pytest.raises(ConfigurationError, match="'schema'"):
        RowSpec(model=OFFLINE, schema=kind, instruction="Go.")
