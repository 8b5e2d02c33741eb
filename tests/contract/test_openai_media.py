"""Recorded images, speech and transcripts of OpenAI: requests are encoded equally, and replies decoded whole."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from budwood.errors import ProviderError
from budwood.providing import make_wave_header
from budwood.types import (
    AudioDelta,
    AudioPart,
    HTTPReply,
    ImagePart,
    ImageRequest,
    MediaCompleted,
    ReplyHead,
    SegmentArrived,
    SpeechRequest,
    TranscriptDelta,
    TranscriptionRequest,
)
from tests.contract import media_recordings as media
from tests.contract import recorded
from tests.contract.replay import decode_stream, is_stream, parse_head, split

IMAGE_FIELDS = {"n", "size", "quality", "background"}


def image_request(body):
    """
    Return the request for images with the fields of a recorded body.
    """
    rest = {name: value for name, value in body.items() if name not in ("model", "prompt", "images", "output_format")}
    return ImageRequest(
        model=body.get("model", ""),
        prompt=body["prompt"],
        images=tuple(ImagePart(url=one["image_url"]) for one in body.get("images", ())),
        format=body.get("output_format"),
        **{name: rest.pop(name) for name in IMAGE_FIELDS & set(rest)},
        extra=rest,
    )


def assert_images(response, payload):
    """
    Check that a response has the images and the usage of a recorded body.
    """
    rows = payload["data"]
    assert [image.data or image.url for image in response.images] == [
        base64.b64decode(row["b64_json"]) if "b64_json" in row else row["url"] for row in rows
    ]
    assert all(image.media_type or image.url for image in response.images)
    usage = payload.get("usage", {})
    assert (response.usage.input_tokens, response.usage.output_tokens) == (
        usage.get("input_tokens"),
        usage.get("output_tokens"),
    )
    assert response.raw == {name: value for name, value in payload.items() if name != "data"}


@pytest.mark.parametrize(
    ("file", "number"),
    [
        *media.list_exchanges("openai-media", path="/images/generations"),
        *media.list_exchanges("openai-media", path="/images/edits"),
    ],
)
def test_recorded_images(ledger, openai, file, number):
    """
    A request in JSON is encoded as it was recorded, and its images, or its error, are decoded.
    """
    one = recorded.read_exchanges(file)[number]
    if not media.content_type(one.request).startswith("application/json"):
        pytest.skip("a form; see test_recorded_image_form")
    body = one.request.json()
    request = image_request(body)
    call = openai().encode_image(request, stream=False)
    reply = HTTPReply(parse_head(one.response), one.response.body)

    assert json.loads(call.body) == {"model": "", **body}  # one recording is of a time before models
    assert call.url == one.request.url
    if reply.status != 200:
        error = openai().error(reply)
        assert isinstance(error, ProviderError)
        assert one.response.json()["error"]["message"] in str(error)
    else:
        assert_images(openai().decode_image(request, reply), one.response.json())
    ledger.record_replay(one)


def test_recorded_image_form(ledger, openai):
    """
    Two images are sent as files of a form. The recorded names were ``image[0]`` and ``image[1]``; OpenAI takes both.
    """
    one = recorded.read_exchanges("openai-media/short__ruby-openai__images_edit_multiple.yml")[0]
    fields = media.parse_request(one.request)
    files = [fields[f"image[{index}]"][0] for index in range(2)]
    request = ImageRequest(
        model="gpt-image-1",
        prompt=fields["prompt"][0][1].decode(),
        images=tuple(ImagePart(data=content, name=name) for name, content in files),
    )

    sent = media.parse_call(openai().encode_image(request, stream=False))

    assert [(name, content) for field, name, content in sent if field == "image[]"] == files
    assert {field: content for field, name, content in sent if name is None} == {
        "model": b"gpt-image-1",
        "prompt": fields["prompt"][0][1],
    }
    assert_images(
        openai().decode_image(request, HTTPReply(parse_head(one.response), one.response.body)), one.response.json()
    )
    ledger.record_replay(one)


@pytest.mark.parametrize("path", recorded.list_fixtures("openai-media", suffix=".json"))
def test_recorded_image_bodies(ledger, openai, path):
    """
    Images, or the error, are decoded from bodies without their requests.
    """
    body = path.read_bytes()
    payload = json.loads(body)
    if "error" in payload:
        error = openai().error(HTTPReply(ReplyHead(400, {}), body))
        assert payload["error"]["message"] in str(error)
        assert error.code == payload["error"]["code"]
    else:
        request = ImageRequest(model="recorded", prompt="a cat")
        assert_images(openai().decode_image(request, HTTPReply(ReplyHead(200, {}), body)), payload)
    ledger.record_decoded(path)


@pytest.mark.parametrize(("file", "number"), media.list_exchanges("openai-media", path="/audio/speech"))
def test_recorded_speech(ledger, openai, file, number):
    """
    The request is encoded as it was recorded. The audio is that of the reply, with the true sizes in a WAV header.
    """
    one = recorded.read_exchanges(file)[number]
    body = one.request.json()
    request = SpeechRequest(
        model=body["model"], text=body["input"], voice=body["voice"], format=body.get("response_format")
    )
    call = openai().encode_speech(request, stream=is_stream(one.response))
    head = parse_head(one.response)

    assert json.loads(call.body) == body
    if is_stream(one.response):
        assert_speech_stream(openai(), request, head, one.response.body)
        ledger.record_replay(one)
        return
    response = openai().decode_speech(request, HTTPReply(head, one.response.body))
    if head.headers["content-type"] == "audio/pcm":
        samples = one.response.body
        assert response.audio.data == make_wave_header(len(samples), rate=24000) + samples
        ledger.record_replay(one)
        return
    assert response.audio.media_type == head.headers["content-type"]
    if response.audio.media_type != "audio/wav":
        assert response.audio.data == one.response.body
    else:
        assert response.audio.data[44:] == one.response.body[44:]
        assert struct.unpack_from("<I", response.audio.data, 4) == (len(one.response.body) - 8,)
        assert struct.unpack_from("<I", response.audio.data, 40) == (len(one.response.body) - 44,)
    for seed in range(3):
        events = decode_stream(openai().speech_decoder(request, head), split(one.response.body, seed))
        assert b"".join(event.data for event in events if isinstance(event, AudioDelta)) == one.response.body
        assert events[-1] == MediaCompleted(response)
    ledger.record_replay(one)


def assert_speech_stream(provider, request, head, body):
    """
    Check that the audio of a stream is that of its events, however it is split, with the usage of the last one.
    """
    payloads = [json.loads(line.removeprefix(b"data: ")) for line in body.splitlines() if line.startswith(b"data: {")]
    audio = b"".join(base64.b64decode(payload.get("audio", "")) for payload in payloads)
    for chunks in ([body], *(split(body, seed) for seed in range(3))):
        events = decode_stream(provider.speech_decoder(request, head), chunks)
        assert b"".join(event.data for event in events if isinstance(event, AudioDelta)) == audio
        assert events[-1].response.audio.data == audio
        assert events[-1].response.usage.raw == payloads[-1]["usage"]


def transcription_request(fields):
    """
    Return the request for a transcript with the fields of a recorded form.
    """
    (name, content), model = fields["file"][0], fields["model"][0][1].decode()
    texts = {field: [content.decode() for _, content in values] for field, values in fields.items() if field != "file"}
    extra = {"response_format": texts["response_format"][0]} if "response_format" in texts else {}
    if "include[]" in texts:
        extra["include"] = texts["include[]"]
    diarizes = extra.get("response_format") == "diarized_json"
    timestamps = tuple(texts.get("timestamp_granularities[]", ()))
    return TranscriptionRequest(
        model=model,
        audio=AudioPart(data=content, name=name),
        language=texts["language"][0] if "language" in texts else None,
        temperature=float(texts["temperature"][0]) if "temperature" in texts else None,
        timestamps=timestamps,
        diarize=diarizes,
        extra={} if diarizes or timestamps else extra,
    )


TRANSCRIPTIONS = media.list_exchanges("openai-media", path="/audio/transcriptions")
TRANSLATIONS = media.list_exchanges("openai-media", path="/audio/translations")


@pytest.mark.parametrize(("file", "number"), [*TRANSCRIPTIONS, *TRANSLATIONS])
def test_recorded_transcription_requests(ledger, openai, file, number):
    """
    The form has the recorded fields, with the audio byte for byte.
    """
    one = recorded.read_exchanges(file)[number]
    fields = media.parse_request(one.request)
    if not fields:
        ledger.record_inexpressible(one, "the form was not recorded")
        return
    request = transcription_request(fields)
    request = request.model_copy(update={"translate": one.request.url.endswith("/translations")})

    call = openai().encode_transcription(request, stream="stream" in fields)

    encoded = {}
    for name, filename, content in media.parse_call(call):
        encoded.setdefault(name, []).append((filename, content))
    assert encoded == fields
    assert call.url == one.request.url
    assert call.adaptations == ()
    ledger.record_encoded(one)


@pytest.mark.parametrize(("file", "number"), [*TRANSCRIPTIONS, *TRANSLATIONS])
def test_recorded_transcripts(ledger, openai, file, number):
    """
    Text, segments, words and usage are decoded, from a complete reply and from a stream, however it is split.
    """
    one = recorded.read_exchanges(file)[number]
    request = TranscriptionRequest(model="recorded", audio=AudioPart(data=b"RIFF"))
    head, body = parse_head(one.response), one.response.body
    if head.status != 200:
        error = openai().error(HTTPReply(head, body))
        assert one.response.json()["error"]["message"] in str(error)
        ledger.record_decoded(one)
        return
    if is_stream(one.response):
        assert_transcript_stream(openai(), request, head, body)
        ledger.record_decoded(one)
        return
    response = openai().decode_transcription(request, HTTPReply(head, body))
    if media.content_type(one.response).startswith("text/plain"):
        assert response.text == read_subtitles(body.decode())
        ledger.record_decoded(one)
        return
    payload = one.response.json()
    assert response.text == payload["text"]
    assert response.raw == payload
    assert response.language == payload.get("language")
    assert response.seconds == payload.get("duration")
    assert [(one.start, one.end, one.text) for one in response.segments] == [
        (row["start"], row["end"], row["text"].strip()) for row in payload.get("segments", ())
    ]
    assert [one.word for one in response.words] == [row["word"] for row in payload.get("words", ())]
    assert response.usage.raw == payload.get("usage")
    ledger.record_decoded(one)


def read_subtitles(body):
    """
    Return the text of a transcript, without the numbers and times of subtitles.
    """
    return body.strip().rpartition("\n")[2]


def assert_transcript_stream(provider, request, head, body):
    """
    Check the events of a stream, and its last one.
    """
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: {")]
    payloads = list(map(json.loads, lines))
    events = decode_stream(provider.transcription_decoder(request, head), [body])
    assert "".join(event.text for event in events if isinstance(event, TranscriptDelta)) == "".join(
        payload["delta"] for payload in payloads if payload["type"] == "transcript.text.delta"
    )
    segments = [event.segment for event in events if isinstance(event, SegmentArrived)]
    assert [(one.speaker, one.start, one.end) for one in segments] == [
        (payload["speaker"], payload["start"], payload["end"])
        for payload in payloads
        if payload["type"] == "transcript.text.segment"
    ]
    response = events[-1].response
    assert (response.text, response.usage.raw) == (payloads[-1]["text"], payloads[-1].get("usage"))
    assert response.segments == tuple(segments)
    for seed in range(3):
        assert decode_stream(provider.transcription_decoder(request, head), split(body, seed)) == events


@pytest.mark.parametrize("path", sorted((recorded.CASSETTES / "response-fixtures" / "groq").glob("*transcription*")))
def test_recorded_transcripts_of_groq(ledger, groq, path):
    """
    A transcript in plain text is decoded.
    """
    reply = json.loads(path.read_bytes())
    request = TranscriptionRequest(model="recorded", audio=AudioPart(data=b"RIFF"))

    response = groq().decode_transcription(
        request, HTTPReply(ReplyHead(reply["status"], reply["headers"]), reply["body"].encode())
    )

    assert response.text == reply["body"].strip()
    ledger.record_decoded(path)
