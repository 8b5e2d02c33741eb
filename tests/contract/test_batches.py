"""Recorded batches: whole batches pass through the client, and all states are decoded."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from budwood import Client
from budwood.engine.batches import record, writing
from budwood.errors import NotFoundError
from budwood.types import BatchInput, HTTPCall, HTTPReply, JobRef, ReplyHead
from budwood.wire.uploads import read_body
from budwood_mistral import Mistral, MistralSettings
from budwood_testing import FakeClock, ScriptedTransport
from budwood_testing.scripted import ScriptedReply
from tests.contract import media_recordings as media
from tests.contract import recorded
from tests.contract.replay import parse_head
from tests.contract.test_openai_media_files import make_reply
from tests.steps import run_steps

WHOLE = {
    "openai-batches": ("openai/gpt-5-nano", {"extra": {"store": False, "include": ["reasoning.encrypted_content"]}}),
    "anthropic": ("anthropic/claude-haiku-4-5", {"max_tokens": 64000}),
    "gemini": ("gemini/gemini-2.5-flash", {}),
    "mistral": ("mistral/mistral-small-latest", {}),
}
"""The model of the batch that was recorded as a whole, by folder, and its options."""


def list_whole(folder):
    """
    Return the names of recordings from the creation of a batch to its results.
    """
    return [
        entry["file"]
        for entry in recorded.read_index()
        if entry["provider"] == folder and "batch_with" in entry["file"] and len(entry["interactions"]) > 4
        if "embedding-3" not in entry["file"]
    ]


CASES = [(folder, file) for folder in WHOLE for file in list_whole(folder)] or [(None, None)]


class Replay(ScriptedTransport):
    """
    Returns the recorded replies by method and URL; the last one of several stays.
    """

    def __init__(self, exchanges):
        super().__init__()
        self.replies = {}
        for one in exchanges:
            self.replies.setdefault((one.request.method.upper(), one.request.url), []).append(one.response)

    def next_reply(self, call, timing):
        self.bodies.append(read_body(call.body))
        self.calls.append(call)
        found = self.replies[call.method, call.url]
        response = found.pop(0) if len(found) > 1 else found[0]
        head = parse_head(response)
        return ScriptedReply(head.status, head.headers, (response.body,))


def list_requests(body):
    """
    Return the requests of a batch in a form in which equal ones are equal, by their id.
    """
    if b"form-data" in body[:400] or body.lstrip().startswith(b"--"):
        body = body[body.index(b'{"custom_id"') : body.rindex(b"}") + 1]
    try:
        rows = json.loads(body)
    except ValueError:
        rows = [json.loads(line) for line in body.splitlines()]
    if isinstance(rows, dict):
        config = rows.get("batch", {}).get("inputConfig", {}).get("requests", rows)
        rows = config["requests"]
    return dict(map(canonicalize, rows))


def canonicalize(row):
    """
    Return the id and the request of a line, without empty fields and with texts in one form.
    """
    line_id = row.get("custom_id") or next(iter(row.get("metadata", {}).values()))
    request = dict(next(row[name] for name in ("body", "params", "request") if name in row))
    request.pop("stream", None)
    request = {name: shorten(value) for name, value in request.items() if value not in ({}, [])}
    return line_id, request


def shorten(value):
    """
    Return a value with texts in place of lists of a single text part.
    """
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], dict) and "text" in value[0]:
            return value[0]["text"]
        return [shorten(item) for item in value]
    if isinstance(value, dict):
        return {name: shorten(item) for name, item in value.items() if name != "type"}
    return value


def read_prompt(request):
    """
    Return the prompt of a recorded request.
    """
    messages = request.get("messages") or request.get("input") or request.get("contents")
    content = messages[0].get("content") or messages[0].get("parts")
    system = [{"role": "system", "content": request["system"]}] if "system" in request else []
    return [*system, {"role": "user", "content": content}]


@pytest.mark.parametrize(("folder", "file"), CASES)
def test_whole_batches_are_replayed(ledger, monkeypatch, folder, file):
    """
    The client sends the recorded requests, polls until the batch has ended, and decodes each reply.
    """
    for module in (record, writing):
        monkeypatch.setattr(module, "make_line_id", lambda index, _mark: str(index))
    model, options = WHOLE[folder]
    exchanges = recorded.read_exchanges(file)
    replay = Replay(exchanges)
    requests = list_requests(exchanges[0].request.body)
    prompts = [read_prompt(request) for request in requests.values()]

    with Client(model, api_key="sk-test", transport=replay, clock=FakeClock(1_795_000_000.0)) as client:
        results = client.batch(prompts, **options)

    assert list_requests(replay.bodies[0]) == requests
    assert [result.finish_reason for result in results] == ["stop"] * len(prompts)
    assert all(result.usage.input_tokens and result.cost is not None for result in results)
    answers = b"".join(one.response.body for one in exchanges)
    assert all(result.text.encode() in answers and result.text for result in results)
    sent = {(call.method, call.url) for call in replay.calls}
    for one in exchanges:
        if (one.request.method.upper(), one.request.url) in sent:
            ledger.record_replay(one)


def list_states(folder, part):
    """
    Return the exchanges whose reply is the state of a batch.
    """
    found = [
        pytest.param(entry["file"], number, id=f"{entry['file']}-{number}")
        for entry in recorded.read_index()
        if entry["provider"] == folder
        for number, one in enumerate(entry["interactions"])
        if part in urlsplit(one["url"]).path and one["status"] == 200 and not urlsplit(one["url"]).query
        if not urlsplit(one["url"]).path.endswith("/results")
    ]
    return found or [pytest.param(None, 0, id="no-recordings")]


def check_state(ledger, provider, one):
    """
    Check that the request for a state is the recorded one, and that its reply is decoded.
    """
    body = one.response.json()
    batch_id = body.get("id") or body["name"]
    job = JobRef(kind="batch", provider="a", model="b", id=batch_id, created=0.0)
    if one.request.method.upper() == "POST" and not one.request.url.endswith("/cancel"):
        return  # see the tests of batches that are created
    is_cancelled = one.request.url.endswith("/cancel")
    steps = provider.cancel_batch(job) if is_cancelled else provider.poll_batch(job)
    (call,), state = run_steps(steps, [make_reply(one)])

    assert (call.method, call.url) == (one.request.method.upper(), one.request.url)
    assert state.id == batch_id
    raw_status = body.get("processing_status") or body.get("status") or body["metadata"]["state"]
    assert state.raw_status == raw_status
    ended = {"completed", "ended", "BATCH_STATE_SUCCEEDED", "SUCCESS"}
    assert state.status == "succeeded" if raw_status in ended else state.status in ("queued", "running")
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), list_states("openai-batches", "/batches"))
def test_states_of_openai(ledger, openai, file, number):
    """
    Each recorded state is decoded.
    """
    check_state(ledger, openai(), recorded.read_exchanges(file)[number])


@pytest.mark.parametrize(("file", "number"), list_states("anthropic", "/batches"))
def test_states_of_anthropic(ledger, claude, file, number):
    """
    Each recorded state is decoded, and the header says when to ask again.
    """
    check_state(ledger, claude, recorded.read_exchanges(file)[number])


@pytest.mark.parametrize(("file", "number"), list_states("gemini", "/batches/"))
def test_states_of_gemini(ledger, gemini, file, number):
    """
    Each recorded state is decoded.
    """
    check_state(ledger, gemini(), recorded.read_exchanges(file)[number])


@pytest.mark.parametrize(("file", "number"), list_states("mistral", "/batch/jobs"))
def test_states_of_mistral(ledger, make_context, file, number):
    """
    Each recorded state is decoded.
    """
    check_state(ledger, Mistral(MistralSettings(), make_context("mistral")), recorded.read_exchanges(file)[number])


@pytest.mark.parametrize(("file", "number"), media.list_exchanges("anthropic", path="/results", method="GET"))
def test_results_of_anthropic(ledger, claude, file, number, tmp_path):
    """
    The results are downloaded from the recorded address; before the end they are not found.
    """
    one = recorded.read_exchanges(file)[number]
    job = JobRef(kind="batch", provider="a", model="b", id=urlsplit(one.request.url).path.split("/")[-2], created=0.0)
    steps = claude.fetch_batch(job, tmp_path)
    call = next(steps)

    assert call.url == one.request.url
    if one.response.status == 404:
        with pytest.raises(NotFoundError, match="no available results"):
            steps.throw(claude.error(make_reply(one)))
    else:
        lines = [claude.decode_batch_line(line) for line in one.response.body.splitlines() if line]
        assert [line.reply.status for line in lines] == [200] * len(lines)
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), media.list_exchanges("openai-batches", path="/batches"))
def test_creation_of_batches_of_openai(ledger, openai, file, number, tmp_path):
    """
    The body is the recorded one, and the state is decoded.
    """
    one = recorded.read_exchanges(file)[number]
    body, path = one.request.json(), tmp_path / "batch.jsonl"
    if body.pop("metadata", None):
        ledger.record_inexpressible(one, "the metadata of a batch")
    if body["endpoint"] == "/v1/embeddings":
        ledger.record_inexpressible(one, "a batch of embeddings")
        body["endpoint"] = "/v1/chat/completions"
    path.write_bytes(b"{}")
    url = f"https://api.openai.com{body['endpoint']}"
    steps = openai().submit_batch(BatchInput(id="a", model="gpt-4o", url=url, path=path, count=1, size=2))
    stored = {"id": body["input_file_id"], "filename": "batch.jsonl", "bytes": 2, "purpose": "batch", "created_at": 0}
    uploaded = HTTPReply(ReplyHead(200, {}), json.dumps({**stored, "status": "processed"}).encode())

    (_, call), state = run_steps(steps, [uploaded, make_reply(one)])

    assert json.loads(call.body) == body
    assert (call.url, state.id, call.repeatable) == (one.request.url, one.response.json()["id"], False)
    ledger.record_decoded(one)
    if one.key not in ledger.inexpressible:
        ledger.record_encoded(one)


@pytest.mark.parametrize(("file", "number"), media.list_exchanges("anthropic", path="/messages/batches"))
def test_creation_of_batches_of_anthropic(ledger, claude, file, number, tmp_path):
    """
    The body is the recorded one, and the state is decoded.
    """
    one = recorded.read_exchanges(file)[number]
    body, path = one.request.json(), tmp_path / "lines"
    rows = [(row["custom_id"], json.dumps(row["params"]).encode()) for row in body["requests"]]
    lines = [
        read_body(claude.encode_batch_line(line_id, HTTPCall(method="POST", url="https://a.example", body=params)))
        for line_id, params in rows
    ]
    path.write_bytes(b",".join(lines))
    size, url = path.stat().st_size, "https://a.example"
    batch = BatchInput(id="a", model="claude", url=url, path=path, count=len(lines), size=size)

    (call,), state = run_steps(claude.submit_batch(batch), [make_reply(one)])

    assert json.loads(read_body(call.body)) == body
    assert (call.url, state.id, call.repeatable) == (one.request.url, one.response.json()["id"], False)
    ledger.record_replay(one)
