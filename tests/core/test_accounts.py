"""Files and jobs belong to the account of the key that created them, so that the requests about them use that key."""

from __future__ import annotations

import json

import pytest

from budwood import Client, Image, Message
from budwood.engine.endpoints.shared_state import reset_all
from budwood.errors import AuthenticationError
from budwood_testing import FakeClock, ScriptedTransport
from tests.media_server import PNG

KEYS = ["sk-the-first-key", "sk-the-second-key"]
FILE = {"id": "file-1", "object": "file", "bytes": 9, "created_at": 1, "status": "processed"}
QUEUED = {"id": "resp_1", "status": "queued", "output": []}
HELLO = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
DONE = {"id": "resp_1", "status": "completed", "model": "gpt-5", "output": [HELLO]}
REJECTED = {"error": {"message": "Incorrect API key.", "type": None, "param": None, "code": "invalid_api_key"}}
LIMITED = {"error": {"message": "Slow down.", "type": None, "param": None, "code": "rate_limit_exceeded"}}
MISSING = {"error": {"message": "No such File object: file-1", "type": None, "param": None, "code": None}}
SETTINGS = {
    "models": {"openai/gpt-5": {"media": {"image": {"request_bytes": 10}}}},
    "providers": {"openai": {"api": "responses"}},
}
"""Settings with which all images are too large for a request."""


@pytest.fixture(autouse=True)
def fresh():
    """
    No key has been used yet.
    """
    reset_all()


def make_client(transport, **options):
    """
    Create a client with two keys of accounts of their own.
    """
    defaults = {"api_key": KEYS, "settings": SETTINGS, "cache": False, "retries": 0, "clock": FakeClock()}
    return Client("openai/gpt-5", transport=transport, **{**defaults, **options})


def list_keys(transport):
    """
    Return the number of the key of each request.
    """
    return [KEYS.index(call.headers["authorization"].removeprefix("Bearer ")) for call in transport.calls]


def use_first_key(client, transport):
    """
    Ask without media, so that the second key is the next one.
    """
    transport.reply(200, DONE)
    client.ask("Hi")


def test_upload_and_background_reply_have_one_key():
    """
    It is the one that is next, not always the first; polls and the result use it too, also after the process has ended.
    """
    transport = ScriptedTransport()
    with make_client(transport) as client:
        use_first_key(client, transport)
        transport.reply(200, FILE).reply(200, QUEUED)
        job = client.submit("Look", files=[PNG])
        transport.reply(200, DONE).reply(200, DONE).reply(200, DONE)
        again = client.job(job.to_json())
        again.poll()
        assert again.result().text == "Hello"

    assert list_keys(transport)[:3] == [0, 1, 1]
    assert set(list_keys(transport)[3:]) == {1}
    assert (job.ref.group, again.ref.group) == ("openai/key-2", "openai/key-2")


def test_job_whose_key_is_gone_is_asked_about_with_another(scripted):
    """
    The key may have been replaced by one of the same account.
    """
    scripted.reply(200, QUEUED).reply(200, DONE)
    with make_client(scripted) as client:
        job = client.submit("Hi").to_json()
    with make_client(scripted, api_key="sk-the-new-key") as client:
        assert client.job(job).poll().status == "succeeded"


@pytest.mark.parametrize("lost", ["upload", "job"])
def test_rejected_key_moves_upload_and_job_to_the_next(lost):
    """
    The file is uploaded again, because the other account does not have it.
    """
    transport = ScriptedTransport()
    if lost == "job":
        transport.reply(200, FILE)
    transport.reply(401, REJECTED).reply(200, FILE | {"id": "file-2"}).reply(200, QUEUED)
    with make_client(transport) as client:
        job = client.submit("Look", files=[PNG])

    assert list_keys(transport) == ([0, 1, 1] if lost == "upload" else [0, 0, 1, 1])
    assert "file-2" in json.dumps(transport.sent()["input"])
    assert job.ref.group == "openai/key-2"


def test_job_fails_if_all_keys_are_rejected():
    """
    Each is tried once.
    """
    transport = ScriptedTransport().reply(401, REJECTED).reply(401, REJECTED)
    with make_client(transport) as client, pytest.raises(AuthenticationError):
        client.submit("Look", files=[PNG])

    assert list_keys(transport) == [0, 1]


@pytest.mark.parametrize(("status", "body"), [(401, REJECTED), (429, LIMITED)])
def test_upload_before_a_chat_moves_to_the_next_key(status, body):
    """
    The request uses the key of its upload, and the key that was refused rests.
    """
    transport = ScriptedTransport().reply(status, body).reply(200, FILE).reply(200, DONE)
    with make_client(transport) as client:
        client.ask("Look", files=[PNG])
        first, second = client.keys()

    assert list_keys(transport) == [0, 1, 1]
    assert (first.state, second.state) == ("rejected" if status == 401 else "limited", "ready")


def test_uploads_and_batch_have_one_key():
    """
    Also if the first request of the batch has no media.
    """
    transport = ScriptedTransport()
    batch = {"id": "batch_1", "object": "batch", "status": "validating"}
    with make_client(transport) as client:
        use_first_key(client, transport)
        for number in (1, 2, 3):
            transport.reply(200, FILE | {"id": f"file-{number}"})
        transport.reply(200, batch).reply(200, batch)
        requests = ["Hi", ask_about(PNG), ask_about(PNG + b"other")]
        job = client.submit_batch(requests)
        job.poll()

    assert list_keys(transport) == [0, 1, 1, 1, 1, 1]


def ask_about(data):
    """
    Return a prompt with an image.
    """
    return [Message.user("Look", Image(data=data, media_type="image/png"))]


def test_file_is_awaited_with_the_key_of_its_upload():
    """
    The vendor prepares it first.
    """
    transport = ScriptedTransport()
    with make_client(transport) as client:
        use_first_key(client, transport)
        transport.reply(200, FILE | {"status": "pending"}).reply(200, FILE)
        client.files.upload(PNG)

    assert list_keys(transport) == [0, 1, 1]


def test_file_is_looked_for_at_all_accounts():
    """
    Its id does not say which key it was uploaded with.
    """
    transport = ScriptedTransport().reply(404, MISSING).reply(200, FILE)
    with make_client(transport) as client:
        assert client.files.get("file-1").id == "file-1"

    assert list_keys(transport) == [0, 1]
