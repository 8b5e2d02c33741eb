from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from budwood_generation import generate
from budwood_generation.schemas import row_schema
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, read_rows, row_spec


@pytest.mark.parametrize("reasoning", ["drop", "field", "tags"])
def test_conversations_satisfy_the_schema_of_their_run(tmp_path, reasoning):
    """
    Storages type their columns by it, wherever the reasoning of models goes.
    """
    job = {"answerer": "local/tiny", "turns": 1, "answerer_options": {"reasoning": reasoning}}
    spec = conversation_spec(tmp_path, job=job, rows=2)
    with ChatServer(lambda _body: "<think>Hm.</think>Yes.") as server:
        rows = read_rows(generate(spec, settings=server.settings).output)

    assert [list(Draft202012Validator(row_schema(spec)).iter_errors(row)) for row in rows] == [[], []]
    assert ("reasoning_content" in rows[0]["messages"][-1]) is (reasoning == "field")


@pytest.mark.parametrize("reasoning", ["drop", "field"])
def test_values_satisfy_the_schema_of_their_run(tmp_path, reasoning):
    """
    The reasoning of a structured value is a field beside it.
    """
    value = {"subject": "tea", "fact": "It is green."}
    spec = row_spec(tmp_path, job={"model": "local/tiny", "options": {"reasoning": reasoning}}, rows=2)
    with ChatServer(lambda _body: f"<think>Hm.</think>{json.dumps(value)}") as server:
        rows = read_rows(generate(spec, settings=server.settings).output)

    assert [list(Draft202012Validator(row_schema(spec)).iter_errors(row)) for row in rows] == [[], []]
    assert ("reasoning_content" in rows[0]) is (reasoning == "field")
