"""Media in messages, speech, transcripts and files of Mistral."""

from __future__ import annotations

import base64
import json

import pytest

from budwood.errors import BadResponseError, UnsupportedError
from budwood.types import (
    AudioDelta,
    AudioPart,
    ChatRequest,
    DocumentPart,
    FileUpload,
    HTTPReply,
    ImagePart,
    MediaCompleted,
    Message,
    ReplyHead,
    SegmentArrived,
    SpeechRequest,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    TranscriptDelta,
    TranscriptionRequest,
    VideoPart,
)
from budwood_testing import sse
from tests.contract.media_recordings import parse_call
from tests.steps import run_steps

EVENTS = ReplyHead(200, {"content-type": "text/event-stream"})
AUDIO = AudioPart(data=b"RIFF....WAVE", media_type="audio/wav", name="a.wav")


def json_reply(body):
    """
    Return a reply with a JSON body.
    """
    return HTTPReply(ReplyHead(200, {"content-type": "application/json"}), json.dumps(body).encode())


def encode(provider, *parts):
    """
    Return the content of a user message with these parts.
    """
    request = ChatRequest(model="m", messages=(Message(role="user", parts=parts),))
    return json.loads(provider.encode(request, stream=False).body)["messages"][0]["content"]


def decode(decoder, *chunks):
    """
    Return the events of a stream.
    """
    return [event for chunk in chunks for event in decoder.feed(chunk)] + list(decoder.close())


def test_media_in_messages(provider):
    """
    Audio is base64 or a URL as a text, documents have a URL and a name, or the id of a file.
    """
    content = encode(
        provider,
        TextPart(text="What is it?"),
        ImagePart(url="https://example.com/a.png"),
        AudioPart(data=b"abc", media_type="audio/mpeg"),
        AudioPart(url="https://example.com/a.mp3"),
        DocumentPart(data=b"%PDF-", media_type="application/pdf", name="a.pdf"),
        DocumentPart(file_id="1"),
    )

    assert content == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_audio", "input_audio": "YWJj"},
        {"type": "input_audio", "input_audio": "https://example.com/a.mp3"},
        {
            "type": "document_url",
            "document_url": f"data:application/pdf;base64,{base64.b64encode(b'%PDF-').decode()}",
            "document_name": "a.pdf",
        },
        {"type": "file", "file_id": "1"},
    ]


def test_results_of_tools_contain_media(provider):
    """
    A user message directly after a result would be rejected.
    """
    result = ToolResultPart(call_id="abcdefghi", name="look", content=(DocumentPart(file_id="1"),))
    call = ToolCallPart(id="abcdefghi", name="look", arguments="{}")
    messages = (
        Message.user("Look."),
        Message(role="assistant", parts=(call,)),
        Message(role="tool", parts=(result,)),
    )

    body = json.loads(provider.encode(ChatRequest(model="m", messages=messages), stream=False).body)

    assert body["messages"][-1]["content"] == [{"type": "file", "file_id": "1"}]


@pytest.mark.parametrize("part", [VideoPart(data=b"x"), ImagePart(file_id="1"), AudioPart(file_id="1")])
def test_other_media_are_refused_with_a_cure(provider, part):
    """
    The hint says what to pass instead.
    """
    with pytest.raises(UnsupportedError) as caught:
        encode(provider, part)

    assert caught.value.hint.startswith("Pass ")


def test_media_sources(provider):
    """
    Only documents may be files that Mistral stores.
    """
    request = ChatRequest(model="m", messages=(Message.user("a"),))

    assert provider.media_sources(request, "document") == {"inline", "url", "file"}
    assert provider.media_sources(request, "audio") == {"inline", "url"}
    assert provider.media_sources(request, "video") == frozenset()


@pytest.mark.parametrize(("given", "sent"), [("mp3", "mp3"), ("pcm", "wav"), ("aac", "wav")])
def test_formats_of_speech(provider, given, sent):
    """
    WAV takes the place of formats that Mistral does not have, and of its samples, which are 32-bit numbers.
    """
    call = provider.encode_speech(SpeechRequest(model="m", text="Hello", format=given), stream=False)

    assert json.loads(call.body)["response_format"] == sent
    assert [one.parameter for one in call.adaptations] == ([] if given == sent else ["format"])


def test_parameters_that_speech_does_not_have(provider):
    """
    Each one that is dropped is an adaptation.
    """
    request = SpeechRequest(model="m", text="Hello", speed=2, instructions="Softly.", language="en")

    call = provider.encode_speech(request, stream=True)

    assert json.loads(call.body) == {"model": "m", "input": "Hello", "stream": True}
    assert {one.parameter for one in call.adaptations} == {"speed", "instructions", "language"}


def test_streamed_speech(provider):
    """
    Each event has a part of the audio; the last one has the usage.
    """
    chunks = sse(
        {"type": "speech.audio.delta", "audio_data": base64.b64encode(b"ID3a").decode()},
        {"type": "speech.audio.delta", "audio_data": base64.b64encode(b"bc").decode()},
        {"type": "speech.audio.done", "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}},
    )

    events = decode(provider.speech_decoder(SpeechRequest(model="m", text="Hello"), EVENTS), *chunks)

    assert events[:2] == [AudioDelta(b"ID3a"), AudioDelta(b"bc")]
    assert isinstance(events[-1], MediaCompleted)
    assert events[-1].response.audio.data == b"ID3abc"
    assert events[-1].response.usage.output_tokens == 5


def test_the_audio_is_not_in_raw_as_well(provider):
    """
    The rest of the reply is.
    """
    reply = json_reply({"audio_data": "SUQz", "usage": {"total_tokens": 5}})

    response = provider.decode_speech(SpeechRequest(model="m", text="Hello"), reply)

    assert (response.audio.data, response.raw) == (b"ID3", {"usage": {"total_tokens": 5}})


def test_speech_without_audio_is_an_error(provider):
    """
    A reply without content is no speech.
    """
    with pytest.raises(BadResponseError, match="no audio"):
        provider.decode_speech(SpeechRequest(model="m", text="Hello"), json_reply({"audio_data": ""}))


@pytest.mark.parametrize(
    ("audio", "field"),
    [
        (AUDIO, ("file", "a.wav", b"RIFF....WAVE")),
        (AudioPart(url="https://example.com/a.mp3"), ("file_url", None, b"https://example.com/a.mp3")),
        (AudioPart(file_id="1"), ("file_id", None, b"1")),
    ],
)
def test_sources_of_transcripts(provider, audio, field):
    """
    Audio is in the form, at a URL that Mistral fetches, or in a file that it stores.
    """
    call = provider.encode_transcription(TranscriptionRequest(model="m", audio=audio), stream=False)

    assert parse_call(call) == [("model", None, b"m"), field]


def test_times_of_transcripts(provider):
    """
    Mistral has times of segments only, which it needs to tell speakers apart; other parameters are adaptations.
    """
    request = TranscriptionRequest(
        model="m", audio=AUDIO, timestamps=("word",), prompt="Ruby", language="en", extra={"context_bias": ["Ruby"]}
    )

    call = provider.encode_transcription(request, stream=True)

    fields = {name: value for name, _, value in parse_call(call)[:-1]}
    assert fields == {
        "model": b"m",
        "language": b"en",
        "timestamp_granularities[]": b"segment",
        "stream": b"true",
        "context_bias": b"Ruby",
    }
    assert {one.parameter for one in call.adaptations} == {"timestamps", "prompt"}


def test_streamed_transcripts(provider):
    """
    Text and segments arrive as events; the last one has the complete transcript.
    """
    segment = {"text": "Hello", "start": 0.0, "end": 1.0, "speaker_id": "speaker_1"}
    done = {"model": "m", "text": "Hello", "language": "en", "usage": {"prompt_audio_seconds": 2, "total_tokens": 8}}
    chunks = sse(
        {"type": "transcription.language", "audio_language": "en"},
        {"type": "transcription.text.delta", "text": "Hello"},
        {"type": "transcription.segment", **segment},
        {"type": "transcription.done", **done},
    )

    decoder = provider.transcription_decoder(TranscriptionRequest(model="m", audio=AUDIO), EVENTS)
    events = decode(decoder, *chunks)

    assert [type(event) for event in events] == [TranscriptDelta, SegmentArrived, MediaCompleted]
    response = events[-1].response
    assert (response.text, response.language, response.seconds) == ("Hello", "en", 2.0)
    assert [one.speaker for one in response.segments] == ["speaker_1"]


def test_lists_have_all_pages(provider):
    """
    Pages are numbered, and the total ends the list.
    """
    row = {"id": "1", "filename": "a.pdf", "bytes": 1, "mimetype": "application/pdf"}
    replies = [
        json_reply({"data": [row], "total": 2}),
        json_reply({"data": [{**row, "id": "2"}], "total": 2}),
    ]

    calls, files = run_steps(provider.list_files(), replies)

    assert [call.url.partition("?")[2] for call in calls] == ["page=0&page_size=100", "page=1&page_size=100"]
    assert [(one.id, one.media_type) for one in files] == [("1", "application/pdf"), ("2", "application/pdf")]


def test_expiry_of_files_is_not_sent(provider):
    """
    The unit of Mistral's parameter is not documented.
    """
    upload = FileUpload(data=b"a", name="a.txt", media_type="text/plain", expires_after=3600)
    call = next(provider.upload_file(upload))

    assert parse_call(call) == [("purpose", None, b"ocr"), ("file", "a.txt", b"a")]
    assert [(one.parameter, one.action) for one in call.adaptations] == [("expires_after", "dropped")]
