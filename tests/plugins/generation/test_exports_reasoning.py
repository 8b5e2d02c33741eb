from __future__ import annotations

import json

import pytest

from budwood_generation import export_run, generate
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec

CHAT = ("openai", "messages", "sharegpt", "alpaca", "chatml", "llama-factory")


@pytest.mark.parametrize("name", CHAT)
def test_reasoning_goes_where_the_caller_says(tmp_path, name):
    """
    Formats without a field drop it, or have it in tags.
    """
    run = _run_with_reasoning(tmp_path)
    path = tmp_path / ("folder" if name == "llama-factory" else "out.jsonl")

    default = export_run(run, name, path).files[0].read_text("utf-8")
    dropped = export_run(run, name, path, reasoning="drop", force=True).files[0].read_text("utf-8")
    tagged = export_run(run, name, path, reasoning="tags", force=True).files[0].read_text("utf-8")

    assert "Hm." not in dropped
    assert "<think>\\nHm.\\n</think>\\n\\nYes." in tagged
    assert (default == dropped) is (name != "messages")


def test_messages_have_a_field_for_reasoning(tmp_path):
    """
    It has the name that chat templates read.
    """
    report = export_run(_run_with_reasoning(tmp_path), "messages", tmp_path / "m.jsonl")

    record = json.loads(report.files[0].read_text("utf-8").splitlines()[0])
    assert record["messages"][-1] == {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}


def _run_with_reasoning(folder):
    """
    A run with reasoning in its rows, as the option "field" of the answerer leaves it.
    """
    job = {"answerer": "local/tiny", "turns": 1, "answerer_options": {"reasoning": "field"}}
    with ChatServer(lambda _body: "<think>Hm.</think>Yes.") as server:
        return generate(conversation_spec(folder, job=job, rows=2), settings=server.settings).output
