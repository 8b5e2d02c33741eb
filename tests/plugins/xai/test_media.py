"""Images, speech, transcripts and files of xAI."""

from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, ContentFilterError, PromptError, UnsupportedError
from budwood.types import (
    AudioPart,
    ChatRequest,
    FileUpload,
    HTTPReply,
    ImageArrived,
    ImagePart,
    ImageRequest,
    MediaCompleted,
    Message,
    ReplyHead,
    SpeechRequest,
    TranscriptDelta,
    TranscriptionRequest,
)
from tests.contract.media_recordings import parse_call
from tests.steps import run_steps

JSON = ReplyHead(200, {"content-type": "application/json"})
AUDIO = AudioPart(data=b"RIFF....WAVE", media_type="audio/wav", name="a.wav")
TRANSCRIPT = {
    "text": "Hello there. Hi.",
    "language": "",
    "duration": 2.5,
    "words": [
        {"text": "Hello", "start": 0.0, "end": 0.5, "speaker": 0},
        {"text": "there.", "start": 0.5, "end": 1.0, "speaker": 0},
        {"text": "Hi.", "start": 2.0, "end": 2.5, "speaker": 1},
    ],
}


def json_reply(body):
    """
    Return a reply with a JSON body.
    """
    return HTTPReply(JSON, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("size", "fields", "changed"),
    [
        ("16:9", {"aspect_ratio": "16:9"}, False),
        ("2k", {"resolution": "2k"}, False),
        ("1024x1536", {"aspect_ratio": "2:3"}, True),
    ],
)
def test_sizes_of_images(provider, size, fields, changed):
    """
    XAI takes an aspect ratio or a resolution; of pixels, the ratio is sent, which is an adaptation.
    """
    call = provider.encode_image(ImageRequest(model="m", prompt="A cat", size=size, n=2), stream=False)

    assert call.url.endswith("/images/generations")
    assert json.loads(call.body) == {"model": "m", "prompt": "A cat", "n": 2, **fields}
    assert [one.action for one in call.adaptations] == ["changed"] * changed


def test_parameters_that_images_do_not_have(provider):
    """
    Each one that is dropped is an adaptation.
    """
    request = ImageRequest(model="m", prompt="A cat", format="png", background="opaque", seed=1, partial_images=2)

    call = provider.encode_image(request, stream=True)

    assert json.loads(call.body) == {"model": "m", "prompt": "A cat"}
    assert {one.parameter for one in call.adaptations} == {"format", "background", "seed", "partial_images"}


def test_edits_are_json(provider):
    """
    Images are URLs, also with their content, or ids of files.
    """
    images = (ImagePart(data=b"\x89PNG\r\n\x1a\n"), ImagePart(file_id="file_1"))

    call = provider.encode_image(ImageRequest(model="m", prompt="Green", images=images), stream=False)

    assert call.url.endswith("/images/edits")
    assert json.loads(call.body)["images"] == [
        {"type": "image_url", "url": "data:image/png;base64,iVBORw0KGgo="},
        {"type": "image_url", "file_id": "file_1"},
    ]


def test_masks_are_refused(provider):
    """
    An image without its mask would be another request.
    """
    image = ImagePart(data=b"\x89PNG\r\n\x1a\n")

    with pytest.raises(UnsupportedError, match="does not support masks"):
        provider.encode_image(ImageRequest(model="m", prompt="a", images=(image,), mask=image), stream=False)


@pytest.mark.parametrize("rows", [[], [{"url": "", "respect_moderation": False}]])
def test_a_moderated_image_is_an_error(provider, rows):
    """
    XAI answers with status 200 and without the image.
    """
    with pytest.raises(ContentFilterError):
        provider.decode_image(ImageRequest(model="m", prompt="a"), json_reply({"data": rows}))


def test_streamed_images_arrive_at_once(provider):
    """
    XAI does not stream images: the complete reply is one event.
    """
    decoder = provider.image_decoder(ImageRequest(model="m", prompt="a"), JSON)

    events = [*decoder.feed(json_reply({"data": [{"url": "https://imgen.x.ai/a.jpeg"}]}).body), *decoder.close()]

    assert [type(event) for event in events] == [ImageArrived, MediaCompleted]
    assert events[0].image.url == "https://imgen.x.ai/a.jpeg"


@pytest.mark.parametrize(
    ("given", "output", "changed"), [("wav", {"codec": "wav"}, False), ("opus", None, True), (None, None, False)]
)
def test_formats_of_speech(provider, given, output, changed):
    """
    Formats are codecs; one that xAI does not have becomes MP3, which is an adaptation.
    """
    request = SpeechRequest(model="m", text="Hello", voice="eve", speed=1.2, format=given)

    call = provider.encode_speech(request, stream=True)

    body = json.loads(call.body)
    assert body.pop("output_format", None) == output
    assert body == {"text": "Hello", "language": "auto", "voice_id": "eve", "speed": 1.2}
    assert [one.parameter for one in call.adaptations] == ["format"] * changed


def test_instructions_of_speech_are_an_adaptation(provider):
    """
    The reason says how xAI takes them.
    """
    call = provider.encode_speech(SpeechRequest(model="m", text="Hello", instructions="Whisper."), stream=False)

    assert [(one.parameter, "<whisper>" in one.reason) for one in call.adaptations] == [("instructions", True)]


def test_texts_that_are_too_long_are_refused(provider):
    """
    The catalog has the limit of xAI's speech.
    """
    with pytest.raises(PromptError, match="15,000"):
        provider.encode_speech(SpeechRequest(model="grok-tts", text="a" * 15_001), stream=False)


def test_forms_of_transcripts(provider):
    """
    The file is the last field, and a list of words becomes several fields of one name.
    """
    request = TranscriptionRequest(
        model="grok-stt", audio=AUDIO, language="en", diarize=True, prompt="Ruby", extra={"keyterm": ["a", "b"]}
    )

    call = provider.encode_transcription(request, stream=True)

    assert call.url == "https://api.x.ai/v1/stt"
    assert parse_call(call) == [
        ("language", None, b"en"),
        ("diarize", None, b"true"),
        ("keyterm", None, b"a"),
        ("keyterm", None, b"b"),
        ("file", "a.wav", b"RIFF....WAVE"),
    ]
    assert [one.parameter for one in call.adaptations] == ["prompt"]


def test_transcripts_of_urls(provider):
    """
    XAI fetches the audio.
    """
    request = TranscriptionRequest(model="grok-stt", audio=AudioPart(url="https://example.com/a.mp3"))

    assert parse_call(provider.encode_transcription(request, stream=False)) == [
        ("url", None, b"https://example.com/a.mp3")
    ]


def test_speakers_of_transcripts(provider):
    """
    Words that follow each other from one speaker become a segment.
    """
    request = TranscriptionRequest(model="grok-stt", audio=AUDIO)

    response = provider.decode_transcription(request, json_reply(TRANSCRIPT))

    assert (response.text, response.language, response.seconds) == ("Hello there. Hi.", None, 2.5)
    assert response.usage.audio_seconds == 2.5
    assert [(one.text, one.start, one.end, one.speaker) for one in response.segments] == [
        ("Hello there.", 0.0, 1.0, "0"),
        ("Hi.", 2.0, 2.5, "1"),
    ]
    assert [one.word for one in response.words] == ["Hello", "there.", "Hi."]


def test_reply_without_a_text_is_no_transcript(provider):
    """
    An empty text would be the transcript of silence.
    """
    request = TranscriptionRequest(model="grok-stt", audio=AUDIO)

    with pytest.raises(BadResponseError, match="has no 'text'"):
        provider.decode_transcription(request, json_reply({}))


def test_streamed_transcripts_arrive_at_once(provider):
    """
    XAI streams transcripts only over WebSocket: the complete reply is one event.
    """
    decoder = provider.transcription_decoder(TranscriptionRequest(model="grok-stt", audio=AUDIO), JSON)

    events = [*decoder.feed(json_reply({"text": "Hello"}).body), *decoder.close()]

    assert events[0] == TranscriptDelta("Hello")
    assert isinstance(events[-1], MediaCompleted)


def test_expiry_is_before_the_file(provider):
    """
    XAI rejects the other order.
    """
    upload = FileUpload(data=b"a", name="a.txt", media_type="text/plain", expires_after=3600)

    (call,), _ = run_steps(provider.upload_file(upload), [json_reply({"id": "file_1"})])

    assert parse_call(call) == [("expires_after", None, b"3600"), ("file", "a.txt", b"a")]


def test_lists_have_all_pages(provider):
    """
    A token asks for the next page; a token that repeats ends the list.
    """
    replies = [
        json_reply({"data": [{"id": "1"}], "pagination_token": "t/1"}),
        json_reply({"data": [{"id": "2"}], "pagination_token": "t/1"}),
    ]

    calls, files = run_steps(provider.list_files(), replies)

    assert [call.url.partition("?")[2] for call in calls] == ["limit=100", "limit=100&pagination_token=t%2F1"]
    assert [one.id for one in files] == ["1", "2"]


def test_media_sources(provider):
    """
    Chat takes images only.
    """
    request = ChatRequest(model="m", messages=(Message.user("a"),))

    assert provider.media_sources(request, "image") == {"inline", "url"}
    assert provider.media_sources(request, "document") == frozenset()
