"""Transcription and translation through a client of a server with OpenAI's API."""

from __future__ import annotations

from decimal import Decimal

import pytest

from budwood import Client
from budwood.errors import BadResponseError, InvalidRequestError, StreamInterruptedError, UnsupportedError
from budwood.providing import make_wave_header
from budwood.types import AudioPart, SegmentArrived, TranscriptDelta, TranscriptionRequest
from budwood_openai_compatible.media.subtitles import parse_subtitles
from budwood_testing import sse

WAV = make_wave_header(8) + bytes(8)
SRT = "1\n00:00:00,000 --> 00:00:01,500\nHello,\nworld.\n\n2\n00:00:01,500 --> 01:00:02,000\n7\n"
VTT = "WEBVTT\n\n00:00.000 --> 00:01.500 align:start\nHello,\nworld.\n\n00:01.500 --> 01:00:02.000\n7\n"


@pytest.fixture
def open_client(scripted, clock):
    """
    Return a function that opens a client of a model.
    """
    return lambda model: Client(model, api_key="k", transport=scripted, clock=clock, cache=False)


def sent(scripted):
    """
    Return the texts of the form that was sent; lists for names that end with brackets.
    """
    texts = {}
    for field in scripted.sent_form(0):
        if field.filename is None:
            texts.setdefault(field.name, []).append(field.content.decode())
    return {name: values if name.endswith("[]") else values[0] for name, values in texts.items()}


def test_form_has_the_file_with_an_extension(open_client, scripted, tmp_path):
    """
    The file has a name with an extension and its type, since servers recognize the format by the name.
    """
    path = tmp_path / "speech.wav"
    path.write_bytes(WAV)
    for _ in range(2):
        scripted.reply(body={"text": "Hello."})
    with open_client("openai/gpt-4o-transcribe") as client:
        assert client.transcribe(path, language="en", prompt="Names", temperature=0.5).text == "Hello."
        client.transcribe(WAV)

    assert scripted.calls[0].url.endswith("/audio/transcriptions")
    assert sent(scripted) == {
        "model": "gpt-4o-transcribe",
        "language": "en",
        "prompt": "Names",
        "temperature": "0.5",
    }
    files = [field for number in (0, 1) for field in scripted.sent_form(number) if field.filename]
    assert [(field.filename.endswith(".wav"), field.content) for field in files] == [(True, WAV)] * 2


def test_times_choose_the_format(open_client, scripted):
    """
    Times of words and segments are asked for in the format that has them, and decoded.
    """
    body = {
        "task": "transcribe",
        "language": "english",
        "duration": 1.5,
        "text": " Hello. ",
        "segments": [{"id": 0, "start": 0.0, "end": 1.5, "text": " Hello."}],
        "words": [{"word": "Hello", "start": 0.0, "end": 1.0}],
        "usage": {"type": "duration", "seconds": 2},
    }
    scripted.reply(body=body)
    with open_client("openai/whisper-1") as client:
        reply = client.transcribe(WAV, timestamps=["segment", "word"])

    assert sent(scripted)["response_format"] == "verbose_json"
    assert sent(scripted)["timestamp_granularities[]"] == ["segment", "word"]
    assert (reply.text, reply.language, reply.seconds) == ("Hello.", "english", 1.5)
    assert [(one.text, one.start, one.end) for one in reply.segments] == [("Hello.", 0.0, 1.5)]
    assert [one.word for one in reply.words] == ["Hello"]
    assert reply.usage.raw == {"type": "duration", "seconds": 2}
    assert reply.cost == Decimal("0.36") * 2 / 3600


def test_speakers_choose_the_format(open_client, scripted):
    """
    Speakers are asked for in the format that has them, with the parameter that long audio requires.
    """
    scripted.reply(body={"text": "Hi. Ho.", "segments": [{"speaker": "A", "start": 0, "end": 1, "text": "Hi."}]})
    with open_client("openai/gpt-4o-transcribe-diarize") as client:
        reply = client.transcribe(WAV, diarize=True, prompt="Names")

    assert sent(scripted)["response_format"] == "diarized_json"
    assert sent(scripted)["chunking_strategy"] == "auto"
    assert reply.segments[0].speaker == "A"
    assert [one.parameter for one in reply.adaptations] == ["prompt"]


@pytest.mark.parametrize(
    ("body", "text", "segments"),
    [("Hello, world!\n", "Hello, world!", ()), (SRT, "Hello, world. 7", "two"), (VTT, "Hello, world. 7", "two")],
    ids=["text", "srt", "vtt"],
)
def test_texts_and_subtitles(open_client, scripted, body, text, segments):
    """
    A text is the transcript; subtitles also have segments, and are kept as they came.
    """
    scripted.reply(headers={"content-type": "text/plain; charset=utf-8"}, body=body)
    with open_client("openai/whisper-1") as client:
        reply = client.transcribe(WAV, extra={"response_format": "srt"})

    assert (reply.text, reply.raw) == (text, body)
    if segments:
        assert [(one.start, one.end) for one in reply.segments] == [(0.0, 1.5), (1.5, 3602.0)]


def test_text_that_looks_like_subtitles_is_text():
    """
    A time range within a text does not make it subtitles.
    """
    assert parse_subtitles("He said:\n00:00:00,000 --> 00:00:01,500\nand left.") == ()
    assert parse_subtitles("12") == ()


def test_stream(open_client, scripted):
    """
    Text arrives as it is written; the reply has the complete text and the usage.
    """
    done = {"type": "transcript.text.done", "text": "Hello.", "usage": {"input_tokens": 3, "output_tokens": 2}}
    scripted.reply(
        headers={"content-type": "text/event-stream"},
        chunks=sse(
            {"type": "transcript.text.delta", "delta": "Hel"}, {"type": "transcript.text.delta", "delta": "lo."}, done
        ),
    )
    with open_client("openai/gpt-4o-transcribe") as client, client.stream_transcription(WAV) as stream:
        assert [event.text for event in stream] == ["Hel", "lo."]

    assert sent(scripted)["stream"] == "true"
    assert (stream.response.text, stream.response.usage.output_tokens) == ("Hello.", 2)


def test_model_that_does_not_stream(open_client, scripted):
    """
    It is not asked to stream, and its whole transcript arrives as one event, with its segments.
    """
    scripted.reply(body={"text": "Hello.", "segments": [{"start": 0, "end": 1, "text": "Hello."}]})
    with open_client("openai/whisper-1") as client, client.stream_transcription(WAV) as stream:
        events = list(stream)

    assert "stream" not in sent(scripted)
    assert [type(event) for event in events] == [TranscriptDelta, SegmentArrived]
    assert stream.response.text == "Hello."


def test_plain_text_in_place_of_a_stream(open_client, scripted):
    """
    A server that answers a stream with plain text is understood.
    """
    scripted.reply(headers={"content-type": "text/plain"}, chunks=[b"Hel", b"lo.\n"])
    with open_client("openai/gpt-4o-transcribe") as client, client.stream_transcription(WAV) as stream:
        assert [event.text for event in stream] == ["Hello."]


def test_stream_without_its_end(open_client, scripted):
    """
    A stream that ends before the complete text is interrupted.
    """
    scripted.reply(
        headers={"content-type": "text/event-stream"}, chunks=sse({"type": "transcript.text.delta", "delta": "Hel"})
    )
    with open_client("openai/gpt-4o-transcribe") as client:
        stream = client.stream_transcription(WAV)
        with stream, pytest.raises(StreamInterruptedError):
            list(stream)


def test_translation(open_client, scripted):
    """
    It goes to its own address, without the language, which the API detects.
    """
    scripted.reply(body={"text": "Hello."})
    with open_client("openai/whisper-1") as client:
        reply = client.translate_audio(WAV, language="de")

    assert scripted.calls[0].url.endswith("/audio/translations")
    assert sent(scripted) == {"model": "whisper-1"}
    assert [one.parameter for one in reply.adaptations] == ["language"]


def test_model_that_does_not_translate(open_client, scripted):
    """
    It is refused before anything is sent.
    """
    with open_client("openai/gpt-4o-transcribe") as client, pytest.raises(UnsupportedError, match="translate"):
        client.translate_audio(WAV)
    assert scripted.calls == []


def test_errors_have_the_vendors_words(open_client, scripted):
    """
    An error that has usage beside it, or that is about the duration, is an invalid request.
    """
    error = {"message": "audio duration 1500 seconds is longer than 1400 seconds", "code": "invalid_value"}
    scripted.reply(400, {"error": error, "usage": {"type": "duration", "seconds": 0}})
    with open_client("openai/gpt-4o-transcribe") as client, pytest.raises(InvalidRequestError, match="1400 seconds"):
        client.transcribe(WAV)


def test_audio_at_a_url_is_refused(new_provider):
    """
    The API fetches no audio, so the encoder refuses a URL; a data URL becomes the file.
    """
    remote = TranscriptionRequest(model="m", audio=AudioPart(url="https://files.example/a.mp3"))
    inline = TranscriptionRequest(model="m", audio=AudioPart(url="data:audio/wav;base64,UklGRg=="))

    with pytest.raises(UnsupportedError, match="does not fetch"):
        new_provider().encode_transcription(remote, stream=False)
    assert b'filename="file.wav"' in new_provider().encode_transcription(inline, stream=False).body


def test_large_file_is_not_read_by_the_encoder(new_provider, tmp_path):
    """
    The body of the form contains the path.
    """
    request = TranscriptionRequest(model="m", audio=AudioPart(path=tmp_path / "a.wav", media_type="audio/wav"))

    body = new_provider().encode_transcription(request, stream=False).body

    assert [part.path for part in body if not isinstance(part, bytes)] == [tmp_path / "a.wav"]


@pytest.mark.parametrize("timestamps", [None, ["segment"]])
def test_reply_without_a_text_is_no_transcript(open_client, scripted, timestamps):
    """
    An empty text is the transcript of silence; without the field, the reply is not one of this API.
    """
    scripted.reply(body={"text": ""}).reply(body={})
    with open_client("openai/whisper-1") as client:
        assert not client.transcribe(WAV, timestamps=timestamps).text
        with pytest.raises(BadResponseError, match="has no 'text'"):
            client.transcribe(WAV, timestamps=timestamps)
