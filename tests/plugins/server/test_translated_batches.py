"""Batches in OpenAI's form at a vendor with Anthropic's form, with OpenAI's SDK and a gateway on loopback."""

from __future__ import annotations

import contextlib
import json

import openai
import pytest

from tests.plugins.server.anthropic_batches import AnthropicBatches, fail, succeed
from tests.plugins.server.events.written import read_file
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import OTHER_TOKEN, TOKEN

CHAT = "/v1/chat/completions"


@pytest.fixture
def vendor():
    """
    A vendor whose batches end when the test says so.
    """
    with AnthropicBatches() as server:
        yield server


@pytest.fixture
def connect(vendor, tmp_path):
    """
    Return a function that starts a gateway with the same database as all others, and returns clients of two keys.
    """
    providers = {
        "anthropic": {"base_url": vendor.url, "api_key": "test"},
        "ollama": {"plugin": "ollama", "base_url": vendor.url},
    }
    settings = {
        "providers": providers,
        "options": {"retries": 0},
        "server": {"models": {"claude": "anthropic/claude-haiku-4-5"}, "batches": {"max_file": 4096}},
    }
    with contextlib.ExitStack() as stack:

        def start():
            server = stack.enter_context(GatewayServer(settings, database_file=tmp_path / "server.sqlite3"))
            return [
                stack.enter_context(openai.OpenAI(api_key=token, base_url=server.base_url, max_retries=0))
                for token in (TOKEN, OTHER_TOKEN)
            ]

        yield start


@pytest.fixture
def client(connect):
    """
    The SDK's client with a key.
    """
    return connect()[0]


def line(number, **changes):
    """
    Return a line of a batch.
    """
    body = {"model": "claude", "max_tokens": 50, "messages": [{"role": "user", "content": f"Question {number}?"}]}
    return {"custom_id": f"mine-{number}", "method": "POST", "url": CHAT, "body": body | changes}


def encode(*lines):
    """
    Return lines as the content of a file.
    """
    return b"\n".join(json.dumps(each).encode() for each in lines)


def upload(client, *lines):
    """
    Upload the lines of a batch.
    """
    return client.files.create(file=("lines.jsonl", encode(*lines)), purpose="batch")


def create(client, *lines):
    """
    Upload lines, and create a batch of them.
    """
    file_id = upload(client, *lines).id
    return client.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h", metadata={"run": "1"})


def read(client, file_id):
    """
    Return the lines of a file with results.
    """
    return [json.loads(each) for each in client.files.content(file_id).content.splitlines()]


def test_batch_has_a_whole_life(vendor, client):
    """
    Lines are translated for the vendor, and results come back as OpenAI's lines with the ids of the client.
    """
    vendor.handle = lambda row: fail(row) if "1?" in str(row) else succeed(row)

    batch = create(client, line(0), line(1), line(2, messages=[{"role": "user", "content": "Last?"}]))

    assert [row["params"]["model"] for row in vendor.rows["msgbatch_1"]] == ["claude-haiku-4-5"] * 3
    assert (batch.status, batch.metadata, batch.endpoint) == ("in_progress", {"run": "1"}, CHAT)
    assert client.files.retrieve(batch.input_file_id).purpose == "batch"
    assert client.files.content(batch.input_file_id).content.startswith(b'{"custom_id": "mine-0"')
    assert client.batches.retrieve(batch.id).request_counts.total == 3

    vendor.has_ended = True
    done = client.batches.retrieve(batch.id)

    assert (done.status, done.request_counts.completed, done.request_counts.failed) == ("completed", 2, 1)
    replies, errors = read(client, done.output_file_id), read(client, done.error_file_id)
    assert [each["custom_id"] for each in replies] == ["mine-0", "mine-2"]
    assert replies[0]["response"]["status_code"] == 200
    body = replies[0]["response"]["body"]
    assert (body["object"], body["choices"][0]["message"]["content"]) == ("chat.completion", "QUESTION 0?")
    assert (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]) == (1000, 100)
    assert (errors[0]["custom_id"], errors[0]["response"]["status_code"]) == ("mine-1", 400)
    assert "no such thing" in errors[0]["response"]["body"]["error"]["message"]
    assert {done.output_file_id, done.error_file_id, done.input_file_id} == {each.id for each in client.files.list()}
    assert client.batches.retrieve(batch.id) == done
    assert [each.id for each in client.batches.list()] == [batch.id]

    assert client.files.delete(done.output_file_id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.content(done.output_file_id)


def test_another_worker_continues_and_results_are_fetched_once(vendor, connect):
    """
    A batch is known to all workers of a database; their requests at the same time fetch the results once.
    """
    first = connect()[0]
    batch = create(first, line(0))
    vendor.has_ended = True
    second = connect()[0]

    assert second.batches.retrieve(batch.id).status == "completed"
    done = first.batches.retrieve(batch.id)

    assert done.status == "completed"
    assert read(first, done.output_file_id)[0]["custom_id"] == "mine-0"
    assert vendor.received["GET /v1/messages/batches/msgbatch_1/results"] == 1


def test_another_key_gets_404(vendor, connect):
    """
    Batches, their lines and their results of someone else do not exist.
    """
    client, other = connect()
    batch = create(client, line(0))
    vendor.has_ended = True
    done = client.batches.retrieve(batch.id)

    for call in (other.batches.retrieve, other.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            call(batch.id)
    for file_id in (done.input_file_id, done.output_file_id):
        for call in (other.files.retrieve, other.files.content, other.files.delete):
            with pytest.raises(openai.NotFoundError):
                call(file_id)
    with pytest.raises(openai.NotFoundError):
        other.batches.create(input_file_id=done.input_file_id, endpoint=CHAT, completion_window="24h")


def test_cancelled_batch_has_errors(vendor, client):
    """
    A batch is being cancelled until the vendor has ended it; then each request has an error.
    """
    batch = create(client, line(0))

    assert client.batches.cancel(batch.id).status == "cancelling"
    vendor.has_ended = True
    done = client.batches.retrieve(batch.id)

    assert (done.status, done.output_file_id) == ("cancelled", None)
    assert read(client, done.error_file_id)[0]["error"]["code"] == "batch_cancelled"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (line(0), "custom_id"),
        (line(1, stream=True), "stream"),
        (line(1, messages="Hi"), "messages"),
        (line(1, temperature="hot"), "temperature"),
    ],
)
def test_line_that_cannot_be_translated_is_named(vendor, client, bad, words):
    """
    It is refused by its number, before anything is sent.
    """
    with pytest.raises(openai.BadRequestError) as raised:
        create(client, line(0), bad)

    assert "Line 2" in raised.value.message
    assert words in raised.value.message
    assert not vendor.rows


def test_files_have_bounds(client):
    """
    A file beyond the maximum is refused, and so is one for a vendor without batches or another endpoint.
    """
    with pytest.raises(openai.APIStatusError) as raised:
        upload(client, line(0, user="x" * 5000))
    assert raised.value.status_code == 413
    for bad, words in ((line(0) | {"url": "/v1/embeddings"}, CHAT), (line(0, model="ollama/x"), "no batches")):
        with pytest.raises(openai.BadRequestError, match=words):
            upload(client, bad)


def test_lines_are_no_files_of_a_chat(client):
    """
    A file that the server keeps is not at the vendor.
    """
    part = {"type": "file", "file": {"file_id": upload(client, line(0)).id}}
    with pytest.raises(openai.BadRequestError, match="belongs to a batch"):
        client.chat.completions.create(model="claude", messages=[{"role": "user", "content": [part]}])


def test_the_end_of_a_batch_is_told_once(vendor, connect, tmp_path):
    """
    With its counts and the cost of its replies, whichever worker has collected them.
    """
    file = tmp_path / "server.sqlite3"
    vendor.handle = lambda row: fail(row) if "1?" in str(row) else succeed(row)
    first, second = connect()[0], connect()[0]
    batch = create(first, line(0), line(1))
    first.batches.retrieve(batch.id)
    assert read_file(file, "job.finished") == []

    vendor.has_ended = True
    for client in (first, second, first):
        client.batches.retrieve(batch.id)

    [event] = read_file(file, "job.finished")
    assert (event.subject, event.data["model"], event.data["provider"]) == (batch.id, "claude", "anthropic")
    assert (event.data["status"], event.data["cost"]) == ("completed", "0.00075")
    assert event.data["requests"] == {"total": 2, "completed": 1, "failed": 1}
