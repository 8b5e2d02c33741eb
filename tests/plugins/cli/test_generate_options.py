from __future__ import annotations

import json

import pytest

from budwood_cli.assignments import parse_assignments
from budwood_cli.errors import ArgumentError
from budwood_generation import load_spec

pytestmark = pytest.mark.one_python


def test_options_of_init_are_refused_without_it(budwood, vendor, spec):
    """
    The hint names --set.
    """
    run = budwood("generate", "spec.toml", "--rows", "2")

    assert run.returncode == 2
    assert run.stderr == "error: --rows: only with --init.\nhint: Change a key of SPEC.toml with --set KEY=VALUE.\n"


def test_a_specification_is_needed(budwood):
    """
    The hint says how to write one.
    """
    run = budwood("generate")

    assert run.returncode == 2
    assert "budwood generate --init SPEC.toml" in run.stderr


def test_keys_are_set(budwood, vendor, spec, tmp_path):
    """
    Values are TOML; a text needs no quotes.
    """
    changes = ("--set", "rows=2", "--set", "conversation.system=Be brief.", "--set", "conversation.turns=[1, 1]")

    run = budwood("generate", "spec.toml", *changes, "--set", "output=other.jsonl", "--quiet")

    assert (run.returncode, run.stdout) == (0, "other.jsonl\n")
    rows = [json.loads(line) for line in (tmp_path / "other.jsonl").read_text().splitlines()]
    assert [row["messages"][0]["content"] for row in rows] == ["Be brief."] * 2


@pytest.mark.parametrize(
    ("assignment", "status", "message"),
    [
        ("rows", 2, "--set 'rows' is not KEY=VALUE"),
        ("=3", 2, "is not KEY=VALUE"),
        ("conversation.turns=[1,", 2, "--set conversation.turns: the value is not valid TOML"),
        ("conversation.turnz=3", 3, "conversation.turnz"),
        ("rows=many", 3, "rows"),
        ("rows.x=1", 3, "Cannot set rows.x: rows is not a table"),
    ],
)
@pytest.mark.usefixtures("spec")
def test_errors_name_the_key_that_was_set(budwood, vendor, assignment, status, message):
    """
    Nothing is sent.
    """
    run = budwood("generate", "spec.toml", "--set", assignment)

    assert run.returncode == status
    assert message in run.stderr
    assert vendor.requests == []


def test_settings_of_a_plugin_are_set_beside_its_name(tmp_path):
    """
    A specification that names a strategy, as --init writes it, becomes one with a table.
    """
    path = tmp_path / "spec.toml"
    path.write_text(
        'rows = 1\noutput = "x.jsonl"\n[conversation]\nanswerer = "local/tiny"\nstrategy = "document-questions"\n'
    )

    strategy = load_spec(path, parse_assignments(["conversation.strategy.request=Ask why."])).job.strategy

    assert (strategy.plugin, strategy.settings) == ("document-questions", {"request": "Ask why."})


def test_a_text_that_looks_like_a_table_needs_quotes():
    """
    The hint shows them.
    """
    with pytest.raises(ArgumentError) as caught:
        parse_assignments(["conversation.system={name} asks"])

    assert """--set 'conversation.system="…"'""" in caught.value.hint
    assert parse_assignments(['a="{name} asks"']) == {"a": "{name} asks"}


def test_values_keep_their_types():
    """
    Numbers, lists, tables and quoted texts are TOML. All else is a text.
    """
    texts = [
        "a=1",
        "b=1.5",
        "c=true",
        'd="x y"',
        "e=x y",
        "f=[1, 2]",
        "g={ plugin = 'p' }",
        "h.i=a=b",
        "j=openai/gpt-5",
    ]

    assert parse_assignments(texts) == {
        "a": 1,
        "b": 1.5,
        "c": True,
        "d": "x y",
        "e": "x y",
        "f": [1, 2],
        "g": {"plugin": "p"},
        "h.i": "a=b",
        "j": "openai/gpt-5",
    }


@pytest.mark.parametrize("value", ["", "1\nb = 2", "'''", "{"])
def test_other_values_are_refused(value):
    """
    The error names the key.
    """
    with pytest.raises(ArgumentError, match="--set a: "):
        parse_assignments([f"a={value}"])


def test_a_pilot_has_its_own_output(budwood, vendor, spec, tmp_path):
    """
    It has the first rows, and the run of the dataset is not started.
    """
    run = budwood("generate", "spec.toml", "--pilot", "2", "--quiet")

    assert (run.returncode, run.stdout) == (0, "talks.pilot.jsonl\n")
    assert len((tmp_path / "talks.pilot.jsonl").read_text().splitlines()) == 2
    assert not (tmp_path / "talks.jsonl.run").exists()


def test_a_changed_pilot_needs_another_output(budwood, vendor, spec):
    """
    Pilots of two specifications are not mixed; -o names the next one.
    """
    changed = ("--pilot", "2", "--quiet", "--set", "conversation.system=Be brief.")
    budwood("generate", "spec.toml", "--pilot", "2", "--quiet")

    refused = budwood("generate", "spec.toml", *changed)
    other = budwood("generate", "spec.toml", *changed, "-o", "brief.jsonl")

    assert (refused.returncode, other.returncode) == (3, 0)
    assert "choose another output" in refused.stderr
    assert other.stdout == "brief.pilot.jsonl\n"
