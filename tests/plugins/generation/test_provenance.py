"""Where rows come from."""

from __future__ import annotations

import jsonschema
import pytest

from budwood.errors import ConfigurationError
from budwood_generation import generate, make_plan
from budwood_generation.reasoning import REASONING
from budwood_generation.schemas import row_schema
from tests.datasets import FACT, OFFLINE, calls_of, conversation_spec, read_rows, row_spec, table


def test_rows_have_their_provenance(tmp_path):
    """
    By default: the cell, models, parameters and a hash of each prompt, under one key.
    """
    job = {"turns": 2, "answerer_options": {"temperature": 0.5, "retries": 7, "timeout": 20}}

    row = read_rows(generate(conversation_spec(tmp_path, job=job, rows=1)).output)[0]

    provenance = row["provenance"]
    prompts = provenance.pop("prompts")
    assert provenance == {
        "cell": row["id"],
        "models": {"asker": OFFLINE, "answerer": OFFLINE},
        "parameters": {"answerer": {"temperature": 0.5}},
    }
    assert [(purpose, len(hashes)) for purpose, hashes in prompts.items()] == [("ask", 2), ("answer", 2)]
    assert all(len(one) == 64 for hashes in prompts.values() for one in hashes)
    assert "models" not in row


def test_provenance_does_not_change_from_run_to_run(tmp_path):
    """
    It has no times, so that the same specification gives the same bytes.
    """
    outputs = [generate(conversation_spec(tmp_path / name)).output.read_bytes() for name in ("a", "b")]

    assert outputs[0] == outputs[1]


def test_a_sidecar_has_all_calls(tmp_path):
    """
    With attempts, tokens, costs and times; the rows have none of it.
    """
    report = generate(conversation_spec(tmp_path, provenance="sidecar"))
    rows = read_rows(report.output)
    lines = read_rows(tmp_path / "data.jsonl.provenance.jsonl")

    assert all(set(row) == {"id", "messages", "source"} for row in rows)
    assert [(line["id"], line["index"]) for line in lines] == [(row["id"], index) for index, row in enumerate(rows)]
    calls = [call for line in lines for call in line["calls"]]
    assert len(calls) == report.calls == calls_of(rows)
    assert set(calls[0]) == {
        *("purpose", "turn", "attempt", "model", "prompt", "rejected"),
        *("input_tokens", "output_tokens", "cost", "started", "seconds"),
    }
    assert sum(call["input_tokens"] for call in calls) == report.input_tokens


def test_rows_without_provenance(tmp_path):
    """
    It stays in the journal.
    """
    rows = read_rows(generate(conversation_spec(tmp_path, provenance="none")).output)

    assert all(set(row) == {"id", "messages", "source"} for row in rows)
    assert not list(tmp_path.glob("*provenance*"))


def test_provenance_may_change_when_a_run_is_resumed(tmp_path):
    """
    The output is written again, without any call.
    """
    generate(conversation_spec(tmp_path, provenance="none"))

    report = generate(conversation_spec(tmp_path, provenance="row"))

    assert report.calls == 0
    assert all("provenance" in row for row in read_rows(report.output))


def test_an_unknown_place_is_an_error():
    """
    The error names the key and its values.
    """
    with pytest.raises(ConfigurationError, match=r"provenance.*'row', 'sidecar' or 'none'"):
        make_plan(table(conversation={"answerer": OFFLINE}, provenance="file"))


@pytest.mark.parametrize("provenance", ["row", "sidecar", "none"])
@pytest.mark.parametrize("describe", [conversation_spec, row_spec])
def test_rows_satisfy_their_schema(tmp_path, describe, provenance):
    """
    Its properties name all fields, in their order.
    """
    job = {"strategy": {"plugin": "persona", "personas": ["a nurse"]}, "system": "Be brief."}
    spec = describe(tmp_path, job=job, provenance=provenance)
    schema = row_schema(spec)
    rows = read_rows(generate(spec).output)

    assert len(rows) == 6
    for row in rows:
        jsonschema.validate(row, schema)
        assert list(row) == list(schema["properties"])


def test_references_in_the_schema_of_values_are_kept(tmp_path):
    """
    Definitions move to the top, and references to the schema itself point to the field.
    """
    schema = {
        "type": "object",
        "properties": {"fact": {"$ref": "#/$defs/Fact"}, "more": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["fact"],
        "additionalProperties": False,
        "$defs": {"Fact": FACT},
    }
    spec = row_spec(tmp_path, job={"schema": schema}, provenance="none")
    fact = {"subject": "tea", "fact": "It is green."}
    valid = {"id": "1", "value": {"fact": fact, "more": {"fact": fact, "more": None}}}

    jsonschema.validate(valid, row_schema(spec))
    for wrong in ({"fact": {"subject": "tea"}}, {"fact": fact, "more": {"fact": 5}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"id": "1", "value": wrong}, row_schema(spec))


@pytest.mark.parametrize("mode", ["drop", "field"])
@pytest.mark.parametrize(("describe", "options"), [(conversation_spec, "answerer_options"), (row_spec, "options")])
def test_kept_reasoning_is_in_the_schema(tmp_path, describe, options, mode):
    """
    If it is kept in a field, which not all rows have.
    """
    spec = describe(tmp_path, job={options: {"reasoning": mode}})
    row = row_schema(spec)
    place = row if spec.row else row["properties"]["messages"]["items"]

    assert (REASONING in place["properties"]) is (mode == "field")
    assert REASONING not in place["required"]
