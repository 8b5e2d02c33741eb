"""Recorded traffic of Gemini with media: chats, images, speech, transcripts, videos, files and interactions."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlsplit

import pytest

from budwood import Client
from budwood.providing import make_wave_header
from budwood.types import (
    AudioPart,
    FileUpload,
    HTTPReply,
    ImageRequest,
    JobRef,
    SavedReply,
    SpeechRequest,
    TranscriptDelta,
    TranscriptionRequest,
    VideoRequest,
)
from tests.contract import media_recordings, naive_gemini, recorded
from tests.contract.replay import decode_stream, parse_head, split
from tests.contract.test_gemini import parse_model
from tests.steps import run_steps


def to_reply(one):
    """
    Return a recorded reply.
    """
    return HTTPReply(parse_head(one.response), one.response.body)


@pytest.mark.parametrize("file", media_recordings.list_files("gemini", named="image_basic"))
def test_recorded_images(ledger, gemini, file):
    """
    The request for an image is equal, and the image is returned with its usage.
    """
    (one,) = recorded.read_exchanges(file)
    request = ImageRequest(model=parse_model(one), prompt="a siamese cat")
    call = gemini().encode_image(request, stream=False)
    assert json.loads(call.body) == one.request.json()
    assert urlsplit(call.url).path == urlsplit(one.request.url).path
    assert call.adaptations == ()

    response = gemini().decode_image(request, to_reply(one))
    payload = one.response.json()
    part = payload["candidates"][0]["content"]["parts"][0]
    assert response.image.data == base64.b64decode(part["inlineData"]["data"])
    assert response.image.media_type == "image/jpeg"
    assert response.image.vendor_data == {"thoughtSignature": part["thoughtSignature"]}
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 1518)
    assert (response.id, response.model) == (payload["responseId"], payload["modelVersion"])
    assert "data" not in response.raw["candidates"][0]["content"]["parts"][0]["inlineData"]
    ledger.record_replay(one)


@pytest.mark.parametrize("file", media_recordings.list_files("gemini", named="speech_basic"))
def test_recorded_speech(ledger, gemini, file):
    """
    The request is equal, and the samples become a WAV file with the rate of the media type.
    """
    (one,) = recorded.read_exchanges(file)
    payload = one.request.json()
    request = SpeechRequest(model=parse_model(one), text=payload["contents"][0]["parts"][0]["text"], voice="Kore")
    call = gemini().encode_speech(request, stream=False)
    assert json.loads(call.body) | {"model": payload["model"]} == payload  # the model is also in the URL
    assert urlsplit(call.url).path == urlsplit(one.request.url).path

    response = gemini().decode_speech(request, to_reply(one))
    samples = base64.b64decode(one.response.json()["candidates"][0]["content"]["parts"][0]["inlineData"]["data"])
    assert response.audio.data == make_wave_header(len(samples), rate=24000) + samples
    assert response.audio.media_type == "audio/wav"
    assert response.audio.seconds == len(samples) / 48000
    assert (response.usage.input_tokens, response.usage.output_tokens) == (11, 111)
    ledger.record_replay(one)


@pytest.mark.parametrize("file", media_recordings.list_files("gemini", named="transcription_basic"))
def test_recorded_transcripts(ledger, gemini, file):
    """
    The request is equal except for the words that ask for a transcript.
    """
    (one,) = recorded.read_exchanges(file)
    payload = naive_gemini.canonicalize(one.request.json())
    words, audio = payload["contents"][0]["parts"]
    part = AudioPart(data=audio["inlineData"]["data"], media_type="audio/wav")
    request = TranscriptionRequest(model=parse_model(one), audio=part)
    call = gemini().encode_transcription(request, stream=False)
    encoded = naive_gemini.canonicalize(json.loads(call.body))
    assert encoded["contents"][0]["parts"][0].keys() == words.keys()
    encoded["contents"][0]["parts"][0] = words
    assert encoded == payload
    assert urlsplit(call.url).path == urlsplit(one.request.url).path

    response = gemini().decode_transcription(request, to_reply(one))
    assert response.text == "Ruby is a programming language designed for developer happiness."
    assert response.usage.total_tokens == one.response.json()["usageMetadata"]["totalTokenCount"]
    ledger.record_decoded(one)
    ledger.record_inexpressible(one, "the words of the recorded client that ask for a transcript")


@pytest.mark.parametrize("file", media_recordings.list_files("gemini", named="video_basic"))
def test_recorded_videos(ledger, gemini, file, tmp_path):
    """
    A video is submitted, polled until its operation is done, and downloaded from the recorded address.
    """
    first, *polls, redirect, download = recorded.read_exchanges(file)
    provider, target = gemini(), tmp_path / "a.mp4"
    request = VideoRequest(model=parse_model(first), prompt="a calm ocean wave at sunset", seconds=4)
    (call,), state = run_steps(provider.submit_video(request), [to_reply(first)])
    assert json.loads(call.body) == first.request.json()
    assert (call.url, call.repeatable) == (first.request.url, False)
    assert (state.id, state.status) == (first.response.json()["name"], "running")

    job = JobRef(kind="video", provider="gemini", model=request.model, id=state.id, created=0.0)
    for poll in polls:
        (call,), state = run_steps(provider.poll_video(job), [to_reply(poll)])
        assert (call.method, call.url) == ("GET", poll.request.url)
    assert [state.status, *(json.loads(poll.response.body).get("done") for poll in polls[:-1])] == [
        "succeeded", *[None] * (len(polls) - 1)
    ]  # fmt: skip

    saved = HTTPReply(parse_head(download.response), b"", SavedReply(target, len(download.response.body)))
    (_, call), response = run_steps(provider.fetch_video(job, target), [to_reply(polls[-1]), saved])
    assert (call.url, call.reply_to) == (redirect.request.url, target)
    assert (response.video.path, response.video.media_type) == (target, "video/mp4")
    for one in (first, *polls, redirect, download):
        ledger.record_replay(one)


@pytest.mark.parametrize("file", media_recordings.list_files("gemini", named="uploads_gemini"))
def test_recorded_uploads(ledger, gemini, file):
    """
    The two requests of an upload are equal, and the record of the file is complete.
    """
    start, send, *_ = recorded.read_exchanges(file)
    name = json.loads(start.request.body)["file"]["display_name"]
    upload = FileUpload(data=send.request.body, name=name, media_type="application/pdf")
    calls, info = run_steps(gemini().upload_file(upload), [to_reply(start), to_reply(send)])

    assert json.loads(calls[0].body) == start.request.json()
    assert calls[1].body == send.request.body
    for call, one in zip(calls, (start, send), strict=True):
        assert (call.method, call.url) == ("POST", one.request.url)
        sent = {name: values[-1] for name, values in one.request.headers.items() if name.startswith("x-goog-upload")}
        assert {name: value for name, value in call.headers.items() if name.startswith("x-goog-upload")} == sent
    payload = send.response.json()["file"]
    assert (info.id, info.url, info.name) == (payload["name"], payload["uri"], name)
    assert (info.size, info.media_type, info.ready) == (len(send.request.body), "application/pdf", True)
    assert 47 * 3600 < info.expires - info.created < 49 * 3600
    assert info.raw == payload
    ledger.record_replay(start)
    ledger.record_replay(send)


def read_texts(body):
    """
    Return the texts of the model in an interaction, complete or streamed.
    """
    if body.startswith(b"{"):
        steps = json.loads(body).get("steps", [])
        return [one["text"] for step in steps if step["type"] == "model_output" for one in step["content"]]
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: {")]
    deltas = [payload.get("delta", {}) for payload in map(json.loads, lines)]
    return [delta["text"] for delta in deltas if delta.get("type") == "text"]


@pytest.mark.parametrize("file", media_recordings.list_files("gemini", named="interactions"))
def test_recorded_interactions(ledger, gemini, file):
    """
    The text and the usage of an interaction are read, complete and streamed in any split.
    """
    (one,) = recorded.read_exchanges(file)
    audio = AudioPart(data=b"RIFF", media_type="audio/wav")
    request = TranscriptionRequest(model="m", audio=audio, timestamps=("word",))
    body = one.response.body
    if "stream" in one.entry["tags"]:
        head = parse_head(one.response)
        events = decode_stream(gemini().transcription_decoder(request, head), [body])
        for seed in range(3):
            assert decode_stream(gemini().transcription_decoder(request, head), split(body, seed)) == events
        assert events[:-1] == list(map(TranscriptDelta, read_texts(body)))
        response = events[-1].response
    else:
        response = gemini().decode_transcription(request, to_reply(one))
    assert response.text == "".join(read_texts(body)).strip()
    assert response.model == one.request.json().get("model", "")
    ledger.record_decoded(one)
    ledger.record_inexpressible(one, "a chat in the form of Interactions, which only transcripts and media use")


@pytest.mark.parametrize("file", media_recordings.list_files("gemini", named="video_basic"))
def test_a_recorded_video_through_the_client(shared_folder, scripted, clock, file):
    """
    The client submits once, polls, follows the recorded redirect with the key, and returns the recorded bytes.
    """
    exchanges = recorded.read_exchanges(file)
    *_, done, redirect, download = exchanges
    for one in (*exchanges[:-2], done, redirect, download):
        headers = {name: values[-1] for name, values in one.response.replay_headers.items()}
        scripted.reply(one.response.status, chunks=[one.response.body], headers=headers)
    model = f"gemini/{parse_model(exchanges[0])}"
    with Client(model, api_key="AIza-recorded", transport=scripted, clock=clock, cache=False) as client:
        response = client.video("a calm ocean wave at sunset", seconds=4)

    assert response.video.data == download.response.body
    expected = [one.request.url for one in (*exchanges[:-2], done, redirect, download)]
    assert [call.url for call in scripted.calls] == expected
    assert {call.headers["x-goog-api-key"] for call in scripted.calls} == {"AIza-recorded"}
