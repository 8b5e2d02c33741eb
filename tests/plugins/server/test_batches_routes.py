"""The routes for batches, with OpenAI's SDK, a gateway, and a vendor on loopback."""

from __future__ import annotations

import json

import openai
import pytest

from tests.batch_server import BatchServer, fail, succeed
from tests.plugins.server.events.written import read_file
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import KEYS, OTHER_TOKEN, TOKEN, make_key
from tests.plugins.server.media_fixtures import vendor_settings

CHAT = "/v1/chat/completions"
LIMITED = "bw_live_limited"


@pytest.fixture
def vendor():
    """
    A vendor whose batches complete at the third poll.
    """
    with BatchServer() as server:
        yield server


@pytest.fixture
def gateway(vendor, tmp_path):
    """
    The base URL of a gateway with public names.
    """
    models = {"fast": "openai/gpt-4.1-mini", "other": "groq/llama-4", "claude": "anthropic/claude-haiku-4-5"}
    settings = vendor_settings(vendor.url) | {"server": {"models": models}}
    settings["providers"]["groq"] = {"base_url": vendor.url, "api_key": "test"}
    keys = KEYS | {LIMITED: make_key("limited", models=("other",))}
    with GatewayServer(settings, keys=keys, database_file=tmp_path / "server.sqlite3") as server:
        yield server.base_url


@pytest.fixture
def client(gateway):
    """
    The SDK's client with a key.
    """
    with openai.OpenAI(api_key=TOKEN, base_url=gateway, max_retries=0) as one:
        yield one


def line(number, model="fast", **changes):
    """
    Return a line of a batch.
    """
    body = {"model": model, "messages": [{"role": "user", "content": f"Question {number}?"}], "seed": 0}
    return {"custom_id": f"mine-{number}", "method": "POST", "url": CHAT, "body": body} | changes


def encode(*lines):
    """
    Return lines as the content of a file.
    """
    return b"\n".join(json.dumps(each).encode() for each in lines)


def upload(client, content):
    """
    Upload the lines of a batch.
    """
    return client.files.create(file=("lines.jsonl", content), purpose="batch")


def create(client, content):
    """
    Upload lines, and create a batch of them.
    """
    return client.batches.create(
        input_file_id=upload(client, content).id, endpoint=CHAT, completion_window="24h", metadata={"run": "1"}
    )


def refusal(client, content):
    """
    Return the error for an upload that is refused.
    """
    with pytest.raises(openai.APIStatusError) as raised:
        upload(client, content)
    return raised.value


def test_batch_has_a_whole_life(vendor, client):
    """
    Lines go to the vendor with its name of the model, and results come back byte for byte, under ids of ours.
    """
    vendor.handle = lambda row: fail(row) if row["custom_id"] == "mine-1" else succeed(row)
    content = encode(line(0), line(1, "openai/gpt-4.1-mini"), line(2)) + b"\n\n"

    batch = create(client, content)
    sent = vendor.lines()
    assert [row["custom_id"] for row in sent] == ["mine-0", "mine-1", "mine-2"]
    assert {row["body"]["model"] for row in sent} == {"gpt-4.1-mini"}
    assert sent[0]["body"]["seed"] == 0
    assert (batch.status, batch.metadata, batch.endpoint) == ("validating", {"run": "1"}, CHAT)
    assert batch.id != "batch_1"
    assert client.files.retrieve(batch.input_file_id).purpose == "batch"

    states = [client.batches.retrieve(batch.id) for _ in range(2)]
    assert [state.status for state in states] == ["in_progress", "completed"]
    done = states[-1]
    assert (done.request_counts.completed, done.request_counts.failed) == (2, 1)
    for vendor_id, public_id in (
        ("file-batch_1-output", done.output_file_id),
        ("file-batch_1-error", done.error_file_id),
    ):
        assert public_id != vendor_id
        assert client.files.content(public_id).content == vendor.files[vendor_id]
    assert {done.output_file_id, batch.input_file_id} <= {each.id for each in client.files.list()}

    polls = vendor.count("GET /batches/batch_1")
    assert client.batches.retrieve(batch.id).output_file_id == done.output_file_id
    assert vendor.count("GET /batches/batch_1") == polls


def test_batch_is_read_whose_results_are_gone(client, vendor):
    """
    The vendor has deleted a file with results: the batch names it, and only reading the file is a 404.
    """
    vendor.handle = lambda row: fail(row) if row["custom_id"] == "mine-1" else succeed(row)
    vendor.faults["/files/file-batch_1-output"] = [404]
    batch = create(client, encode(line(0), line(1)))
    client.batches.retrieve(batch.id)

    done = client.batches.retrieve(batch.id)

    assert done.status == "completed"
    for read in (client.files.retrieve, client.files.content):
        with pytest.raises(openai.NotFoundError):
            read(done.output_file_id)
    assert client.files.content(done.error_file_id).content == vendor.files["file-batch_1-error"]
    assert {each.id for each in client.files.list()} == {batch.input_file_id, done.error_file_id}
    assert client.batches.retrieve(batch.id) == done


def test_another_key_gets_404_on_every_route(gateway, client, vendor):
    """
    Batches, their files and their results of someone else do not exist.
    """
    batch = create(client, encode(line(0)))
    client.batches.retrieve(batch.id)
    done = client.batches.retrieve(batch.id)
    with openai.OpenAI(api_key=OTHER_TOKEN, base_url=gateway, max_retries=0) as other:
        for batch_id in (batch.id, "batch_1"):
            for call in (other.batches.retrieve, other.batches.cancel):
                with pytest.raises(openai.NotFoundError):
                    call(batch_id)
        for file_id in (done.input_file_id, done.output_file_id):
            with pytest.raises(openai.NotFoundError):
                other.files.content(file_id)
            with pytest.raises(openai.NotFoundError):
                other.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h")
        assert list(other.batches.list()) == []
        with pytest.raises(openai.NotFoundError):
            other.batches.list(after=batch.id)
    assert vendor.count("POST /batches") == 1


def test_list_and_cancel(client, vendor):
    """
    Batches are listed the newest first, in pages; one can be cancelled.
    """
    first, second = create(client, encode(line(0))), create(client, encode(line(1)))

    page = client.batches.list(limit=1)
    assert [each.id for each in page.data] == [second.id]
    assert page.has_more
    assert [each.id for each in client.batches.list(limit=1, after=second.id).data] == [first.id]

    assert client.batches.cancel(second.id).status == "cancelling"
    assert client.batches.retrieve(second.id).status == "cancelled"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "custom_id"),
        (encode(line(1, custom_id="")), "custom_id"),
        (encode(line(1, method="GET")), "method"),
        (encode(line(1, url="/v1/files")), "url"),
        (encode(line(1, url="/v1/embeddings")), "lines before"),
        (encode(line(1, "")), "body.model"),
        (encode(line(1, "nope")), "does not exist"),
        (encode(line(1, "other")), "groq"),
    ],
)
def test_bad_line_is_named(client, vendor, bad, words):
    """
    A line that is not valid is refused by its number, before anything is sent.
    """
    error = refusal(client, encode(line(0)) + b"\n" + bad)

    assert "Line 2" in error.message
    assert words in error.message
    assert vendor.received == []


def test_allow_list_holds_for_each_line(gateway, vendor):
    """
    A key cannot use a model by a batch that it may not use otherwise.
    """
    with openai.OpenAI(api_key=LIMITED, base_url=gateway, max_retries=0) as limited:
        error = refusal(limited, encode(line(0, "other"), line(1)))

    assert (error.status_code, error.code) == (403, "model_not_allowed")
    assert "Line 2" in error.message
    assert vendor.received == []


def test_lines_that_name_objects_at_the_vendor_are_refused_by_a_setting(vendor, tmp_path):
    """
    As in any other request.
    """
    settings = vendor_settings(vendor.url) | {"server": {"vendor_objects": False}}
    bad = line(1, url="/v1/responses", body={"model": "openai/gpt-4.1-mini", "input": "Hi", "conversation": "conv_1"})
    with (
        GatewayServer(settings, keys=KEYS, database_file=tmp_path / "server.sqlite3") as server,
        openai.OpenAI(api_key=TOKEN, base_url=server.base_url, max_retries=0) as client,
    ):
        error = refusal(client, encode(bad))

    assert (error.status_code, error.param) == (403, "lines[0].body.conversation")
    assert vendor.received == []


def test_files_for_something_else_are_refused(client, vendor):
    """
    The input must have been uploaded for a batch, and for its endpoint.
    """
    other = client.files.create(
        file=("a.jsonl", b"{}"), purpose="user_data", extra_body={"budwood": {"provider": "openai"}}
    )
    lines = upload(client, encode(line(0)))

    for file_id, endpoint, param in ((other.id, CHAT, "input_file_id"), (lines.id, "/v1/embeddings", "endpoint")):
        with pytest.raises(openai.BadRequestError) as raised:
            client.batches.create(input_file_id=file_id, endpoint=endpoint, completion_window="24h")
        assert raised.value.param == param
    assert vendor.count("POST /batches") == 0


def test_ids_of_files_in_lines_are_those_of_the_vendor(client, vendor):
    """
    A line may refer to a file of the owner by its public id, and to no other.
    """
    stored = client.files.create(
        file=("a.pdf", b"%PDF-1.4"), purpose="user_data", extra_body={"budwood": {"provider": "openai"}}
    )
    part = {"type": "file", "file": {"file_id": stored.id}}
    body = {"model": "fast", "messages": [{"role": "user", "content": [part]}]}

    create(client, encode(line(0, body=body)))

    assert vendor.lines()[0]["body"]["messages"][0]["content"][0]["file"]["file_id"] == "file-1"
    part["file"]["file_id"] = "file-1"
    assert refusal(client, encode(line(0, body=body))).status_code == 404


def test_the_end_of_a_batch_is_told_once(gateway, client, tmp_path):
    """
    In the transaction that stores it: when a request has asked for the batch after its end.
    """
    file = tmp_path / "server.sqlite3"
    batch = create(client, encode(line(0), line(1)))
    client.batches.retrieve(batch.id)
    assert read_file(file, "job.finished") == []

    client.batches.retrieve(batch.id)
    client.batches.retrieve(batch.id)
    list(client.batches.list())

    [event] = read_file(file, "job.finished")
    assert (event.subject, event.owner) == (batch.id, event.data["owner"])
    assert (event.data["kind"], event.data["status"], event.data["provider"]) == ("batch", "completed", "openai")
    assert event.data["model"] == "fast"
    assert event.data["requests"] == {"total": 2, "completed": 2, "failed": 0}
