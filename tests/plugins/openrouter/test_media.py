"""Media in messages, images, speech and transcripts of OpenRouter."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from budwood import Client
from budwood.errors import UnsupportedError
from budwood.types import (
    AudioPart,
    ChatRequest,
    DocumentPart,
    HTTPReply,
    ImageArrived,
    ImagePart,
    ImageRequest,
    MediaCompleted,
    Message,
    ReplyHead,
    SpeechRequest,
    TranscriptionRequest,
)
from budwood_testing import sse

AUDIO = AudioPart(data=b"abc", media_type="audio/mpeg")


def encode(provider, *parts):
    """
    Return the content of a user message with these parts.
    """
    request = ChatRequest(model="m", messages=(Message(role="user", parts=parts),))
    return json.loads(provider.encode(request, stream=False).body)["messages"][0]["content"]


def test_documents_may_have_a_url(provider):
    """
    OpenRouter fetches them, which OpenAI does not.
    """
    content = encode(provider, DocumentPart(url="https://example.com/a.pdf", name="a.pdf"), AUDIO)

    assert content == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://example.com/a.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "YWJj", "format": "mp3"}},
    ]


def test_media_sources(provider):
    """
    OpenRouter stores no files for messages.
    """
    request = ChatRequest(model="m", messages=(Message.user("a"),))

    assert provider.media_sources(request, "document") == {"inline", "url"}
    assert provider.media_sources(request, "image") == {"inline", "url"}


@pytest.mark.parametrize(("size", "field"), [("16:9", "aspect_ratio"), ("2K", "size"), ("2048x2048", "size")])
def test_requests_for_images(provider, size, field):
    """
    A ratio and a size have fields of their own; images to change are references.
    """
    request = ImageRequest(
        model="m", prompt="A cat", size=size, seed=3, format="png", images=(ImagePart(url="https://a.example"),)
    )

    call = provider.encode_image(request, stream=True)

    assert json.loads(call.body) == {
        "model": "m",
        "prompt": "A cat",
        "seed": 3,
        "output_format": "png",
        field: size,
        "input_references": [{"type": "image_url", "image_url": {"url": "https://a.example"}}],
        "stream": True,
    }
    assert call.adaptations == ()


@pytest.mark.parametrize(
    "fields", [{"mask": ImagePart(url="https://a.example")}, {"images": (ImagePart(file_id="1"),)}]
)
def test_images_that_are_refused(provider, fields):
    """
    OpenRouter takes neither masks nor ids of files.
    """
    with pytest.raises(UnsupportedError) as caught:
        provider.encode_image(ImageRequest(model="m", prompt="a", **fields), stream=False)

    assert caught.value.hint


def test_streamed_images(provider):
    """
    An unfinished image arrives before the last one, whose event has the cost.
    """
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "cost": 0.25}
    chunks = sse(
        {"type": "image_generation.partial_image", "b64_json": "YQ==", "partial_image_index": 0},
        {"type": "image_generation.text_chunk", "text": "Thinking"},
        {"type": "image_generation.completed", "b64_json": "Yg==", "media_type": "image/webp", "usage": usage},
    )
    decoder = provider.image_decoder(
        ImageRequest(model="m", prompt="a"), ReplyHead(200, {"content-type": "text/event-stream"})
    )

    events = [event for chunk in chunks for event in decoder.feed(chunk)] + list(decoder.close())

    assert [type(event) for event in events] == [ImageArrived, ImageArrived, MediaCompleted]
    assert [event.partial for event in events[:2]] == [True, False]
    response = events[-1].response
    assert (response.image.data, response.image.media_type) == (b"b", "image/webp")
    assert response.usage.reported_cost == Decimal("0.25")


def test_the_language_of_speech_is_an_adaptation(provider):
    """
    OpenRouter has no parameter for it.
    """
    call = provider.encode_speech(SpeechRequest(model="m", text="Hello", language="en", format="mp3"), stream=False)

    assert json.loads(call.body) == {"model": "m", "input": "Hello", "response_format": "mp3"}
    assert [one.parameter for one in call.adaptations] == ["language"]


@pytest.mark.parametrize(
    ("audio", "encoded"),
    [(AUDIO, {"data": "YWJj", "format": "mp3"}), (AudioPart(url="https://a.example"), {"url": "https://a.example"})],
)
def test_requests_for_transcripts(provider, audio, encoded):
    """
    They are JSON, and times and speakers need the verbose format.
    """
    request = TranscriptionRequest(model="m", audio=audio, timestamps=("word",), diarize=True, prompt="a")

    call = provider.encode_transcription(request, stream=False)

    assert json.loads(call.body) == {
        "model": "m",
        "input_audio": encoded,
        "timestamp_granularities": ["word"],
        "diarize": True,
        "response_format": "verbose_json",
    }
    assert [one.parameter for one in call.adaptations] == ["prompt"]


def test_ids_of_audio_are_refused(provider):
    """
    OpenRouter stores no audio.
    """
    with pytest.raises(UnsupportedError, match="by the id"):
        provider.encode_transcription(TranscriptionRequest(model="m", audio=AudioPart(file_id="1")), stream=False)


def test_speakers_with_numbers(provider):
    """
    The first speaker is 0, which is a speaker too.
    """
    body = {"text": "Hi", "segments": [{"text": "Hi", "start": 0, "end": 1, "speaker": 0}], "usage": {"cost": 0.5}}
    reply = HTTPReply(ReplyHead(200, {"content-type": "application/json"}), json.dumps(body).encode())

    response = provider.decode_transcription(TranscriptionRequest(model="m", audio=AUDIO), reply)

    assert [one.speaker for one in response.segments] == ["0"]
    assert response.usage.reported_cost == Decimal("0.5")


@pytest.mark.parametrize(
    ("method", "example"),
    [
        ("image", "openrouter/google/gemini-"),
        ("speak", "openrouter/hexgrad/kokoro-82m"),
        ("transcribe", "openrouter/openai/gpt-4o-mini-transcribe"),
    ],
)
def test_chat_models_are_not_asked_for_media(scripted, method, example):
    """
    The error names models of OpenRouter that offer the service, and nothing is sent.
    """
    with (
        Client("openrouter/meta-llama/llama-3.3-70b-instruct", api_key="k", transport=scripted) as client,
        pytest.raises(UnsupportedError) as caught,
    ):
        getattr(client, method)(AUDIO if method == "transcribe" else "A cat")

    assert example in caught.value.hint
    assert "It is a chat model." in str(caught.value)
    assert not scripted.calls
