"""Recorded traffic of Mistral: chat with an image, speech, a transcript with speakers, and a file."""

from __future__ import annotations

import base64
import json

import pytest

from budwood.types import AudioPart, FileUpload, HTTPReply, SpeechRequest, TranscriptionRequest
from tests.contract import chat_replies, naive_requests, recorded
from tests.contract import media_recordings as media
from tests.contract.replay import parse_head
from tests.steps import run_steps

CHATS = media.list_exchanges("mistral", path="/chat/completions")
SPEECH = media.list_exchanges("mistral", path="/audio/speech")
TRANSCRIPTS = media.list_exchanges("mistral", path="/audio/transcriptions")
UPLOADS = media.list_exchanges("mistral", path="/files")

DIFFERENCES = {
    "n, stream": "their defaults, which the recorded client sends",
    "voice": "the recorded client's name; the API's SDK calls it voice_id",
    "prefix, index": "of messages and calls that the recorded client returns",
    "type": "of a tool, which the recorded client leaves out",
    "content": "an empty list or one text, as a text",
    "description": "of a tool, which is left out if it is empty",
}
"""The accepted differences from the recorded clients, with reasons."""


def make_reply(one):
    """
    Return the reply of an exchange.
    """
    return HTTPReply(parse_head(one.response), one.response.body)


def plain(message):
    """
    Return a message without `DIFFERENCES`.
    """
    message = {name: value for name, value in message.items() if name != "prefix"}
    content = message.get("content")
    if content in ([], None):
        message["content"] = ""
    elif isinstance(content, list) and [part["type"] for part in content] == ["text"]:
        message["content"] = content[0]["text"]
    if "tool_calls" in message:
        message["tool_calls"] = [
            {name: value for name, value in call.items() if name != "index"} for call in message["tool_calls"]
        ]
    return message


@pytest.mark.parametrize(("file", "number"), CHATS)
def test_recorded_chats(ledger, mistral, file, number):
    """
    Messages are sent as they were recorded, and the reply is decoded whole.
    """
    one = recorded.read_exchanges(file)[number]
    payload = one.request.json()
    payload["messages"] = [plain(message) for message in payload["messages"]]
    tools = [{"type": "function", **tool} for tool in payload["tools"]]
    request = naive_requests.read_request({**payload, "tools": tools, "n": None, "stream": None}, "mistral")

    body = json.loads(mistral.encode(request, stream=False).body)

    body["messages"] = [plain(message) for message in body["messages"]]
    for tool in tools:
        if tool["function"]["description"] == "":
            del tool["function"]["description"]
    assert body == {name: payload[name] for name in payload if name not in ("n", "stream")} | {"tools": tools}
    chat_replies.assert_complete_reply(mistral, parse_head(one.response), one.response.body)
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), SPEECH)
def test_recorded_speech(ledger, mistral, file, number):
    """
    The request is equal, and the audio is that of the JSON, byte for byte.
    """
    one = recorded.read_exchanges(file)[number]
    payload = one.request.json()
    request = SpeechRequest(model=payload["model"], text=payload["input"], voice=payload["voice"])

    call = mistral.encode_speech(request, stream=False)
    response = mistral.decode_speech(request, make_reply(one))

    assert call.url == one.request.url
    voice = payload.pop("voice")
    assert json.loads(call.body) == {**payload, "voice_id": voice}
    assert response.audio.data == base64.b64decode(one.response.json()["audio_data"])
    assert response.audio.media_type == "audio/mpeg"
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), TRANSCRIPTS)
def test_recorded_transcripts(ledger, mistral, file, number):
    """
    The form is equal, and segments have their speakers.
    """
    one = recorded.read_exchanges(file)[number]
    fields = media.parse_request(one.request)
    ((name, content),) = fields["file"]
    audio = AudioPart(data=content, name=name, media_type="audio/wav")
    request = TranscriptionRequest(model=fields["model"][0][1].decode(), audio=audio, diarize=True)

    call = mistral.encode_transcription(request, stream=False)
    response = mistral.decode_transcription(request, make_reply(one))

    encoded = {}
    for field, filename, value in media.parse_call(call):
        encoded.setdefault(field, []).append((filename, value))
    assert (call.url, encoded) == (one.request.url, fields)
    row = one.response.json()
    (segment,) = row["segments"]
    assert (response.text, response.model, response.seconds) == (row["text"], row["model"], 3.0)
    assert [(one.text, one.start, one.end, one.speaker) for one in response.segments] == [
        (segment["text"], 0.1, 3.6, "speaker_1")
    ]
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 20)
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), UPLOADS)
def test_recorded_uploads(ledger, mistral, file, number):
    """
    The form is equal, and the stored file is decoded.
    """
    one = recorded.read_exchanges(file)[number]
    fields = media.parse_request(one.request)
    ((name, content),) = fields["file"]
    row = one.response.json()

    (call,), info = run_steps(
        mistral.upload_file(FileUpload(data=content, name=name, media_type="application/pdf")), [make_reply(one)]
    )

    assert call.url == one.request.url
    assert media.parse_call(call) == [("purpose", None, b"ocr"), ("file", name, content)]
    assert media.parse_request(one.request) == {"purpose": [(None, b"ocr")], "file": [(name, content)]}
    assert (info.id, info.name, info.size, info.media_type) == (row["id"], name, len(content), "application/pdf")
    assert (info.purpose, info.created, info.expires, info.raw) == ("ocr", row["created_at"], None, row)
    ledger.record_replay(one)
