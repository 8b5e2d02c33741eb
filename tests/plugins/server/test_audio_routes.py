"""The routes for speech and transcripts, with OpenAI's SDK, a gateway, and a vendor on loopback."""

from __future__ import annotations

import base64
import json
import threading

import httpx
import openai
import pytest

from tests.contract.sdk_media import WAVE, event_reply, json_reply, parse_sent
from tests.plugins.server.keys import TOKEN
from tests.plugins.server.media_fixtures import client, gateway, vendor, vendor_server
from tests.servers import CHUNKED, WAIT_FOR_CLOSE, chunk, head, reply

__all__ = ["client", "gateway", "vendor", "vendor_server"]

MP3 = b"ID3\4\0\0\0\0\0\0" + bytes(range(256)) * 40
FILE = ("hello.wav", WAVE, "audio/wav")
TOKENS = {"type": "tokens", "input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
SUBTITLES = "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n"
VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 1.5,
    "text": "Hello there.",
    "segments": [{"id": 0, "seek": 0, "start": 0.0, "end": 1.5, "text": " Hello there.", "avg_logprob": -0.1}],
    "words": [{"word": "Hello", "start": 0.0, "end": 0.5}],
    "usage": {"type": "duration", "seconds": 2},
}


def post(url, body, **options):
    """
    Send a request in JSON.
    """
    return httpx.post(url, json=body, headers={"authorization": f"Bearer {TOKEN}"}, **options)


def gemini_reply(part):
    """
    Return a reply of Gemini with one part.
    """
    return json_reply(
        {
            "candidates": [{"content": {"parts": [part], "role": "model"}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 9, "totalTokenCount": 13},
        }
    )


def gemini_events(part):
    """
    Return a streamed reply of Gemini with one part.
    """
    body = {
        "candidates": [{"content": {"parts": [part], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 9, "totalTokenCount": 13},
    }
    return reply(200, b"data: " + json.dumps(body).encode() + b"\n\n", content_type="text/event-stream")


def test_speech_arrives_byte_for_byte(vendor, client):
    """
    The audio is that of the vendor, with its media type; all fields arrive, and zero is a value.
    """
    vendor.play(reply(200, MP3, content_type="audio/mpeg"))

    reply_ = client.audio.speech.create(
        model="openai/tts-1", input="Hello", voice="alloy", speed=0, extra_body={"seed": 0}, response_format="mp3"
    )

    assert reply_.content == MP3
    assert reply_.response.headers["content-type"] == "audio/mpeg"
    sent = vendor.requests[0].json
    assert (sent["speed"], sent["seed"], sent["response_format"], sent["voice"]) == (0, 0, "mp3", "alloy")


def test_speech_is_streamed(vendor, gateway):
    """
    The first bytes arrive while the vendor still speaks.
    """
    heard = threading.Event()
    vendor.play(
        head(200, content_type="audio/mpeg", **CHUNKED), chunk(MP3[:1000]), heard, chunk(MP3[1000:]), chunk(b"")
    )
    body = {"model": "openai/tts-1", "input": "Hello", "voice": "alloy"}
    headers = {"authorization": f"Bearer {TOKEN}"}

    with httpx.stream("POST", f"{gateway}/audio/speech", json=body, headers=headers) as response:
        chunks = response.iter_raw()
        first = next(chunks)
        heard.set()
        rest = b"".join(chunks)

    assert first + rest == MP3


def test_broken_speech_is_not_complete(vendor, gateway):
    """
    If the vendor's connection breaks, so does the client's: half the audio is not taken for all of it.
    """
    vendor.play(head(200, content_type="audio/mpeg", **CHUNKED), chunk(MP3[:1000]))

    with pytest.raises(httpx.RemoteProtocolError):
        post(f"{gateway}/audio/speech", {"model": "openai/tts-1", "input": "Hello", "voice": "alloy"})


def test_leaving_in_mid_stream_cancels_the_vendors_call(vendor, gateway):
    """
    A client that has heard enough ends the call of the vendor.
    """
    vendor.play(head(200, content_type="audio/mpeg", **CHUNKED), chunk(MP3), WAIT_FOR_CLOSE)
    body = {"model": "openai/tts-1", "input": "Hello", "voice": "alloy"}
    headers = {"authorization": f"Bearer {TOKEN}"}

    with httpx.stream("POST", f"{gateway}/audio/speech", json=body, headers=headers) as response:
        next(response.iter_raw())

    assert vendor.closed_by_client.wait(10)


def test_speech_as_events(vendor, client):
    """
    With ``stream_format="sse"`` the audio is in events, whose last one has the usage.
    """
    events = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(MP3).decode()},
        {"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 7, "total_tokens": 10}},
    ]
    vendor.play(event_reply(events, named=False))

    reply_ = client.audio.speech.create(
        model="openai/gpt-4o-mini-tts", input="Hello", voice="alloy", stream_format="sse"
    )

    received = [json.loads(line[6:]) for line in reply_.text.splitlines() if line.startswith("data: {")]
    assert b"".join(base64.b64decode(one["audio"]) for one in received[:-1]) == MP3
    assert received[-1]["type"] == "speech.audio.done"
    assert received[-1]["usage"] == {"input_tokens": 3, "output_tokens": 7, "total_tokens": 10}


def test_speech_of_another_api_has_its_own_media_type(vendor, client):
    """
    Gemini's samples become a WAV file, and are declared as one.
    """
    samples = {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": base64.b64encode(bytes(480)).decode()}
    vendor.play(gemini_events({"inlineData": samples}))

    reply_ = client.audio.speech.create(model="gemini/gemini-3.1-flash-tts-preview", input="Hello", voice="Kore")

    assert reply_.response.headers["content-type"] == "audio/wav"
    assert reply_.content[:4] == b"RIFF"
    assert reply_.content[44:] == bytes(480)


def test_transcript_is_that_of_the_vendor(vendor, client):
    """
    The file arrives byte for byte with all fields, and the reply returns unchanged.
    """
    vendor.play(json_reply(VERBOSE))

    transcript = client.audio.transcriptions.create(
        model="openai/whisper-1",
        file=FILE,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        temperature=0,
        language="en",
        prompt="Hi",
        extra_body={"include": ["logprobs"], "chunking_strategy": {"type": "server_vad", "threshold": 0}},
    )

    fields = parse_sent(vendor.requests[0]).body
    (file,) = [field for field in fields if field.filename]
    assert (file.filename, file.content_type, file.content) == ("hello.wav", "audio/wav", WAVE)
    assert sorted((field.name, field.content.decode()) for field in fields if not field.filename) == [
        ("chunking_strategy[threshold]", "0"),
        ("chunking_strategy[type]", "server_vad"),
        ("include[]", "logprobs"),
        ("language", "en"),
        ("model", "whisper-1"),
        ("prompt", "Hi"),
        ("response_format", "verbose_json"),
        ("temperature", "0.0"),
        ("timestamp_granularities[]", "segment"),
        ("timestamp_granularities[]", "word"),
    ]
    assert transcript.to_dict() == VERBOSE


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_text_formats_are_texts(vendor, client, form):
    """
    Text and subtitles are sent as the vendor wrote them.
    """
    vendor.play(reply(200, SUBTITLES, content_type="text/plain"))

    assert client.audio.transcriptions.create(model="openai/whisper-1", file=FILE, response_format=form) == SUBTITLES


def test_translation(vendor, gateway):
    """
    Translations go to the vendor's route for them.
    """
    vendor.play(json_reply({"text": "Hello."}))

    translated = httpx.post(
        f"{gateway}/audio/translations",
        data={"model": "openai/whisper-1"},
        files={"file": FILE},
        headers={"authorization": f"Bearer {TOKEN}"},
    )

    assert translated.json() == {"text": "Hello."}
    assert vendor.requests[0].line.startswith("POST /audio/translations")


def test_streamed_transcript(vendor, client):
    """
    Texts arrive as events, the last one with text and usage.
    """
    vendor.play(
        event_reply(
            [
                {"type": "transcript.text.delta", "delta": "Hello "},
                {"type": "transcript.text.delta", "delta": "there."},
                {"type": "transcript.text.done", "text": "Hello there.", "usage": TOKENS},
            ]
        )
    )

    events = list(client.audio.transcriptions.create(model="openai/gpt-4o-transcribe", file=FILE, stream=True))

    assert "".join(event.delta for event in events if event.type.endswith(".delta")) == "Hello there."
    assert (events[-1].type, events[-1].text, events[-1].usage.total_tokens) == (
        "transcript.text.done",
        "Hello there.",
        8,
    )


def test_transcript_of_another_api(vendor, client):
    """
    A chat model of Gemini transcribes, too; what it cannot do is left out.
    """
    vendor.play(gemini_reply({"text": "Hello there."}))

    raw = client.audio.transcriptions.with_raw_response.create(
        model="gemini/gemini-2.5-flash", file=FILE, include=["logprobs"]
    )

    transcript = raw.parse()
    assert (transcript.text, transcript.usage.total_tokens) == ("Hello there.", 13)
    assert "include" in raw.headers["x-budwood-adaptations"]


def test_missing_file_is_named(gateway):
    """
    A form without a file gets a 400 that names the field; so does an empty one.
    """
    for files in ({"other": FILE}, {"file": ("a.wav", b"")}):
        refused = httpx.post(
            f"{gateway}/audio/transcriptions",
            data={"model": "openai/whisper-1"},
            files=files,
            headers={"authorization": f"Bearer {TOKEN}"},
        )
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "file")


def test_json_is_no_form(gateway):
    """
    A transcription in JSON gets a 415 that says what to send.
    """
    refused = post(f"{gateway}/audio/transcriptions", {"model": "openai/whisper-1"})

    assert refused.status_code == 415
    assert "multipart/form-data" in refused.json()["error"]["message"]


def test_options_of_budwood_in_a_form(vendor, client):
    """
    The field ``budwood`` of a form is read as in JSON.
    """
    with pytest.raises(openai.BadRequestError) as raised:
        client.audio.transcriptions.create(
            model="gemini/gemini-2.5-flash",
            file=FILE,
            include=["logprobs"],
            extra_body={"budwood": {"on_unsupported": "error", "cache": False}},
        )

    assert raised.value.param == "include"
    assert vendor.requests == []
