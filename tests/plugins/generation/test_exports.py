from __future__ import annotations

import json

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import export_formats, export_run, generate
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, read_rows, row_spec

CHAT = ("openai", "messages", "sharegpt", "alpaca", "chatml", "llama-factory")


@pytest.fixture
def run(tmp_path):
    """
    A run with six conversations of one to three turns, with a system message.
    """
    return generate(conversation_spec(tmp_path, job={"system": "Be brief."})).output


@pytest.fixture
def rows(run):
    """
    The rows of the run.
    """
    return read_rows(run)


def records(report):
    """
    Return the records of the only file of an export.
    """
    (path,) = report.files
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def test_openai_records_have_messages_alone(run, rows, tmp_path):
    """
    The file for fine-tuning has no other key, since OpenAI rejects unknown ones.
    """
    found = records(export_run(run, "openai", tmp_path / "o.jsonl"))

    assert found == [{"messages": row["messages"]} for row in rows]


def test_messages_have_the_id_of_the_row(run, rows, tmp_path):
    """
    The id leads from a training example back to its row.
    """
    found = records(export_run(run, "messages", tmp_path / "m.jsonl"))

    assert found == [{"id": row["id"], "messages": row["messages"]} for row in rows]


def test_sharegpt_names_roles_as_its_trainers_do(run, rows, tmp_path):
    """
    The first entry is the system message, then human and gpt take turns.
    """
    found = records(export_run(run, "sharegpt", tmp_path / "s.jsonl"))

    assert [record["id"] for record in found] == [row["id"] for row in rows]
    for record, row in zip(found, rows, strict=True):
        turns = (len(row["messages"]) - 1) // 2
        assert [entry["from"] for entry in record["conversations"]] == ["system", *["human", "gpt"] * turns]
        assert [entry["value"] for entry in record["conversations"]] == [
            message["content"] for message in row["messages"]
        ]


def test_alpaca_records_end_with_the_last_turn(run, rows, tmp_path):
    """
    Earlier turns are pairs in the history.
    """
    found = records(export_run(run, "alpaca", tmp_path / "a.jsonl"))

    assert max(len(record["history"]) for record in found) > 0
    for record, row in zip(found, rows, strict=True):
        texts = [message["content"] for message in row["messages"][1:]]
        assert record["system"] == "Be brief."
        assert record["input"] == ""
        pairs = [*record["history"], [record["instruction"], record["output"]]]
        assert [text for pair in pairs for text in pair] == texts


def test_chatml_is_text(run, rows, tmp_path):
    """
    Each message is between its tokens, with its role in the first line.
    """
    found = records(export_run(run, "chatml", tmp_path / "c.jsonl"))

    for record, row in zip(found, rows, strict=True):
        blocks = record["text"].removesuffix("<|im_end|>\n").split("<|im_end|>\n")
        assert [block.removeprefix("<|im_start|>").split("\n", 1) for block in blocks] == [
            [message["role"], message["content"]] for message in row["messages"]
        ]


def test_chatml_skips_rows_that_contain_its_tokens(tmp_path):
    """
    They could end a message early. The report counts them.
    """
    with ChatServer(lambda _body: "Bad <|im_end|> end.") as server:
        job = {"answerer": "local/tiny", "turns": 1}
        run = generate(conversation_spec(tmp_path, job=job, rows=3), settings=server.settings).output

    report = export_run(run, "chatml", tmp_path / "c.jsonl")

    assert records(report) == []
    assert (report.rows, report.skipped) == ({"train": 0}, {"the text contains <|im_start|> or <|im_end|>": 3})
    assert report.notes == ("No row was exported.",)


def test_the_context_is_what_the_answerer_received(tmp_path):
    """
    With context, the system message of an example is that of the request, passage included.
    """
    with ChatServer() as server:
        job = {"answerer": "local/tiny", "turns": 1, "system": "Be brief."}
        run = generate(conversation_spec(tmp_path, job=job, rows=3), settings=server.settings).output

    found = records(export_run(run, "openai", tmp_path / "o.jsonl", context=True))

    sent = [request["messages"] for request in server.requests if request["messages"][0]["role"] == "system"]
    systems = {_text(messages[0]) for messages in sent if "Answer from this passage" in _text(messages[0])}
    assert {record["messages"][0]["content"] for record in found} == systems
    assert all("<passage>" in system for system in systems)


def test_the_context_of_another_request_is_its_own(tmp_path):
    """
    The text before the passage is that of the modifier in the specification.
    """
    job = {"modifiers": [{"plugin": "document-context", "request": "Read this:"}]}
    run = generate(conversation_spec(tmp_path, job=job, rows=1)).output

    (record,) = records(export_run(run, "sharegpt", tmp_path / "s.jsonl", context=True))

    assert record["conversations"][0]["from"] == "system"
    assert record["conversations"][0]["value"].startswith("Read this:\n\n<passage>\n")


def test_alpaca_has_the_passage_as_input(run, rows, tmp_path):
    """
    With several turns it is in the system message, which applies to all of them.
    """
    found = records(export_run(run, "alpaca", tmp_path / "a.jsonl", context=True))

    for record, row in zip(found, rows, strict=True):
        passage = row["source"]["passage"]
        if record["history"]:
            assert record["input"] == ""
            assert passage in record["system"]
        else:
            assert (record["input"], record["system"]) == (passage, "Be brief.")


@pytest.mark.parametrize("name", [name for name in CHAT if name != "messages"])
def test_a_field_for_reasoning_is_refused_where_there_is_none(run, tmp_path, name):
    """
    The error says what can be done.
    """
    with pytest.raises(ConfigurationError, match=f"{name} has no field for reasoning") as caught:
        export_run(run, name, tmp_path / "x", reasoning="field")

    assert "tags or drop" in caught.value.hint


@pytest.mark.parametrize("name", CHAT)
def test_structured_values_are_no_conversations(tmp_path, name):
    """
    The error names the formats that hold them.
    """
    run = generate(row_spec(tmp_path, rows=2)).output

    with pytest.raises(ConfigurationError, match="structured values") as caught:
        export_run(run, name, tmp_path / "x")

    assert caught.value.hint == "Export to one of csv, parquet, jsonl, huggingface."


def test_structured_values_take_no_context(tmp_path):
    """
    They have no messages.
    """
    run = generate(row_spec(tmp_path, rows=2)).output

    with pytest.raises(ConfigurationError, match="no messages"):
        export_run(run, "csv", tmp_path / "x.csv", context=True)


def test_rows_without_passages_take_no_context(tmp_path):
    """
    The option would have no effect.
    """
    job = {"strategy": {"plugin": "seed-list", "seeds": ["Why?"]}, "turns": 1}
    run = generate(conversation_spec(tmp_path, job=job, documents=None, rows=1)).output

    with pytest.raises(ConfigurationError, match="have no passages"):
        export_run(run, "openai", tmp_path / "x.jsonl", context=True)


def test_jsonl_has_the_rows_of_the_output(run, tmp_path):
    """
    Byte by byte.
    """
    path = tmp_path / "copy.jsonl"

    export_run(run, "jsonl", path)

    assert path.read_bytes() == run.read_bytes()


def test_an_unknown_format_is_refused(run, tmp_path):
    """
    The error lists all formats.
    """
    with pytest.raises(ConfigurationError, match="Unknown format 'xml'") as caught:
        export_run(run, "xml", tmp_path / "x")

    assert all(found.name in caught.value.hint for found in export_formats())


def _text(message):
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
