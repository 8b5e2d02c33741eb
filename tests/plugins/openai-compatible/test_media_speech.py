"""Speech through a client of a server with OpenAI's API."""

from __future__ import annotations

import base64
import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood.errors import PromptError, ServerError, StreamInterruptedError
from budwood.providing import sniff_media_type
from budwood.types import AudioDelta, HTTPReply, MediaCompleted, ReplyHead, SpeechRequest
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from budwood_testing import plugin_context, sse

SAMPLES = struct.pack("<6h", *range(6))
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(8)
EVENTS = {"content-type": "text/event-stream; charset=utf-8"}


@pytest.fixture
def client(scripted, clock):
    """
    A client of OpenAI.
    """
    with Client("openai/gpt-4o-mini-tts", api_key="k", transport=scripted, clock=clock, cache=False) as created:
        yield created


def event(content):
    """
    Return an event with a part of the audio.
    """
    return {"type": "speech.audio.delta", "audio": base64.b64encode(content).decode()}


def read_samples(data):
    """
    Return the samples and the rate of a WAV file, as the standard library reads them.
    """
    with wave.open(io.BytesIO(data)) as file:
        return file.readframes(file.getnframes()), file.getframerate()


def test_all_options_are_sent(client, scripted, tmp_path):
    """
    The body has OpenAI's names, and the audio can be saved as it came.
    """
    scripted.reply(headers={"content-type": "audio/mpeg"}, body=MP3)

    reply = client.speak("Hi", voice="alloy", format="mp3", speed=1.5, instructions="Whisper.")

    assert scripted.sent(0) == {
        "model": "gpt-4o-mini-tts",
        "input": "Hi",
        "voice": "alloy",
        "response_format": "mp3",
        "speed": 1.5,
        "instructions": "Whisper.",
    }
    assert (reply.audio.data, reply.audio.media_type) == (MP3, "audio/mpeg")
    assert reply.save(tmp_path / "hi.mp3").read_bytes() == MP3
    assert (reply.cost, reply.cost_unknown) == (None, "the vendor reported no usage") or reply.cost_unknown


def test_samples_get_a_header(client, scripted):
    """
    Audio without a header becomes a WAV file that the standard library reads, without half a sample.
    """
    scripted.reply(headers={"content-type": "audio/pcm"}, body=SAMPLES + b"\x07")

    audio = client.speak("Hi", voice="alloy", format="pcm").audio

    assert (audio.media_type, audio.seconds) == ("audio/wav", 6 / 24_000)
    assert read_samples(audio.data) == (SAMPLES, 24_000)


def test_rate_of_samples_is_that_of_the_type(client, scripted):
    """
    The rate in the media type applies.
    """
    scripted.reply(headers={"content-type": "audio/pcm;rate=16000"}, body=SAMPLES)

    assert read_samples(client.speak("Hi", format="pcm").audio.data) == (SAMPLES, 16_000)


@pytest.mark.parametrize("extra", [b"", b"LIST\x04\x00\x00\x00abcd"], ids=["44 bytes", "with a further chunk"])
def test_sizes_of_a_streamed_file_are_corrected(client, scripted, extra):
    """
    A WAV file whose header states no size gets the true ones, wherever its samples start.
    """
    head = b"RIFF\xff\xff\xff\xffWAVE" + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 24_000, 48_000, 2, 16) + extra
    scripted.reply(headers={"content-type": "audio/wav"}, body=head + b"data\xff\xff\xff\xff" + SAMPLES)

    data = client.speak("Hi", format="wav").audio.data

    assert read_samples(data) == (SAMPLES, 24_000)
    assert struct.unpack_from("<I", data, 4) == (len(data) - 8,)
    assert data[-len(SAMPLES) - 4 :] == struct.pack("<I", len(SAMPLES)) + SAMPLES


def test_stream_of_events_has_the_usage(client, scripted):
    """
    A model that can stream events is asked for them, since only they have the usage.
    """
    done = {"type": "speech.audio.done", "usage": {"input_tokens": 2, "output_tokens": 9, "total_tokens": 11}}
    scripted.reply(headers=EVENTS, chunks=sse(event(MP3[:7]), event(MP3[7:]), done))

    with client.stream_speech("Hi", voice="alloy") as stream:
        chunks = [one.data for one in stream]

    assert scripted.sent(0)["stream_format"] == "sse"
    assert chunks == [MP3[:7], MP3[7:]]
    assert (stream.response.audio.data, stream.response.audio.media_type) == (MP3, "audio/mpeg")
    assert stream.response.usage.output_tokens == 9


def test_stream_of_bytes(scripted, clock):
    """
    A model without events streams the audio itself.
    """
    scripted.reply(headers={"content-type": "audio/mpeg"}, chunks=[MP3[:5], MP3[5:]])
    client = Client("openai/tts-1", api_key="k", transport=scripted, clock=clock, cache=False)
    with client, client.stream_speech("Hi", voice="alloy", instructions="Whisper.") as stream:
        assert b"".join(one.data for one in stream) == MP3

    assert "stream_format" not in scripted.sent(0)
    assert [one.parameter for one in stream.response.adaptations] == ["instructions"]
    assert stream.response.audio.data == MP3


PROVIDER = OpenAICompatible(OpenAICompatibleSettings(base_url="http://localhost:8000/v1"), plugin_context("local"))
PCM = SpeechRequest(model="m", text="Hi", format="pcm")


QUIET = st.binary(max_size=40).map(lambda data: b"\0" + data).filter(lambda data: sniff_media_type(data) is None)
"""Audio without a header: neither a page nor a file, even by chance."""


@given(QUIET, st.lists(st.integers(1, 5), max_size=12), st.booleans())
def test_streamed_samples_are_never_split(samples, sizes, is_events):
    """
    However the bytes are split, each delta has complete samples, and the last event equals the complete reply.
    """
    chunks, rest = [], samples
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    chunks = [chunk for chunk in (*chunks, rest) if chunk]
    kind = "text/event-stream" if is_events else "audio/pcm"
    decoder = PROVIDER.speech_decoder(PCM, ReplyHead(200, {"content-type": kind}))
    body = [*sse(*map(event, chunks), {"type": "speech.audio.done", "usage": {}})] if is_events else chunks
    events = [one for chunk in body for one in decoder.feed(chunk)]
    if len(samples) < 2:
        return
    events += decoder.close()

    deltas = [one.data for one in events if isinstance(one, AudioDelta)]
    assert all(len(delta) % 2 == 0 for delta in deltas)
    assert b"".join(deltas) == samples[: len(samples) - len(samples) % 2]
    reply = HTTPReply(ReplyHead(200, {"content-type": "audio/pcm"}), samples)
    assert isinstance(events[-1], MediaCompleted)
    assert events[-1].response.audio == PROVIDER.decode_speech(PCM, reply).audio


def test_stream_that_breaks_off(client, scripted):
    """
    Events without an end are an interrupted stream.
    """
    scripted.reply(headers=EVENTS, chunks=[b"".join(sse(event(MP3))).replace(b"data: [DONE]\n\n", b"")])

    with client.stream_speech("Hi") as stream, pytest.raises(StreamInterruptedError):
        list(stream)


def test_error_in_place_of_audio(client, scripted):
    """
    An object with an error is not taken for audio, complete or streamed.
    """
    body = {"error": {"message": "The voice is hoarse.", "type": "server_error"}}
    for _ in range(2):
        scripted.reply(headers={"content-type": "application/json"}, body=body)

    with pytest.raises(ServerError, match="hoarse"):
        client.speak("Hi", retries=0)
    with client.stream_speech("Hi", retries=0) as stream, pytest.raises(ServerError, match="hoarse"):
        list(stream)


def test_audio_within_an_object(client, scripted):
    """
    An object with audio in base64, as Mistral sends it, is decoded.
    """
    body = {"audio_data": base64.b64encode(MP3).decode()}
    scripted.reply(headers={"content-type": "application/json"}, body=body)

    assert client.speak("Hi").audio.data == MP3


def test_text_that_is_too_long(client, scripted):
    """
    A text above the limit of the catalog is refused before anything is sent, and the error says the limit.
    """
    with pytest.raises(PromptError, match=r"5,000 characters.* at most 4,096"):
        client.speak("x" * 5000)
    assert scripted.calls == []
