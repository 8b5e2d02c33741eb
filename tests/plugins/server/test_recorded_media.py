"""Recorded traffic of OpenAI through the gateway: requests arrive whole at the vendor, and replies at the client."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract import media_recordings, recorded
from tests.contract.replay import is_stream
from tests.plugins.server.keys import TOKEN
from tests.plugins.server.media_fixtures import gateway, vendor, vendor_server
from tests.servers import reply

__all__ = ["gateway", "vendor", "vendor_server"]

ROUTES = ("/images/generations", "/images/edits", "/audio/speech", "/audio/transcriptions", "/audio/translations")
CASES = [case for path in ROUTES for case in media_recordings.list_exchanges("openai-media", path=path)]

FORMS = {
    "/audio/transcriptions": {"model": [(None, b"gpt-4o-transcribe")], "file": [("a.wav", b"RIFF")]},
    "/audio/translations": {"model": [(None, b"whisper-1")], "file": [("a.wav", b"RIFF")]},
    "/images/edits": {
        "model": [(None, b"gpt-image-1")],
        "prompt": [(None, b"a hat")],
        "image": [("a.png", b"\x89PNG\r\n\x1a\n")],
    },
}
"""Forms in place of those whose content was not recorded."""


def send_json(url, body):
    """
    Send a request in JSON, for a model of OpenAI.
    """
    named = body | {"model": f"openai/{body['model']}"}
    return httpx.post(url, json=named, headers={"authorization": f"Bearer {TOKEN}"})


def send_form(url, fields):
    """
    Send a form, for a model of OpenAI.
    """
    files = [
        (name, (filename, b"openai/" + content if name == "model" else content))
        for name, values in fields.items()
        for filename, content in values
    ]
    return httpx.post(url, files=files, headers={"authorization": f"Bearer {TOKEN}"})


def list_events(body):
    """
    Return the events of a stream, without what is ours.
    """
    lines = body.decode().splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return [{name: value for name, value in event.items() if name != "budwood"} for event in events]


def join(events):
    """
    Return events without those that repeat the type of the one before: what arrives together is sent together.
    """
    return [event for index, event in enumerate(events) if not index or event["type"] != events[index - 1]["type"]]


def collect(events):
    """
    Return all text, and all audio, of a stream.
    """
    text = "".join(event.get("delta", "") for event in events)
    return text, b"".join(base64.b64decode(event["audio"]) for event in events if "audio" in event)


@pytest.mark.parametrize(("file", "number"), CASES)
def test_recorded_exchange(shared_folder, vendor, gateway, file, number):
    """
    The vendor gets every field of the recorded request, and the client the recorded reply.
    """
    exchange = recorded.read_exchanges(file)[number]
    path = urlsplit(exchange.entry["url"]).path.removeprefix("/v1")
    media_type = media_recordings.content_type(exchange.response)
    body, status = exchange.response.body, exchange.entry["status"]
    if status == 401:
        pytest.skip("the key at the vendor is that of the operator")
    vendor.play(reply(status, body, content_type=media_type))

    if "json" in media_recordings.content_type(exchange.request):
        sent = json.loads(exchange.request.body)
        sent.setdefault("model", "gpt-image-1")
        answer = send_json(gateway + path, sent)
        arrived = vendor.requests[0].json
        if arrived.get("stream_format") == "sse":  # asked for, since events have the usage
            sent.setdefault("stream_format", "sse")
        assert arrived == sent
    else:
        fields = media_recordings.parse_request(exchange.request) or FORMS[path]
        answer = send_form(gateway + path, fields)
        assert vendor.requests, answer.text
        received = vendor.requests[0]
        arrived = media_recordings.parse_form(received.headers["content-type"], received.body)
        assert sorted((name.partition("[")[0], content) for name, _, content in arrived) == sorted(
            (name.partition("[")[0], content) for name, values in fields.items() for _, content in values
        )

    assert answer.status_code == status
    if status != 200:
        error = json.loads(body)["error"]
        assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (error["code"], error["param"])
    elif is_stream(exchange.response):
        events, expected = list_events(answer.content), list_events(body)
        assert [event["type"] for event in join(events)] == [event["type"] for event in join(expected)]
        assert collect(events) == collect(expected)
        assert events[-1] == expected[-1]
    elif "json" in media_type:
        assert answer.json() == json.loads(body)
    else:
        assert answer.content == body
        assert answer.headers["content-type"].partition(";")[0] == media_type.partition(";")[0]
