from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, ContentFilterError
from budwood.providing import make_wave_header, repair_wave
from budwood.types import AudioDelta
from budwood_testing import sse
from tests.plugins.gemini.replies import inline, reply, text

L16 = "audio/L16;codec=pcm;rate=24000"
OLD, NEW = "gemini-2.5-flash-preview-tts", "gemini-3.8-flash-tts"


def test_speech(client_of, scripted):
    """
    The parts of a reply become one WAV file.
    """
    scripted.reply(200, reply(inline(L16, b"\1\0"), inline(L16, b"\2\0")))
    response = client_of(OLD).speak("Hello", voice="Kore", language="en")

    assert response.audio.data == make_wave_header(4) + b"\1\0\2\0"
    assert (response.audio.media_type, response.audio.seconds) == ("audio/wav", 2 / 24000)
    assert response.adaptations == ()
    assert scripted.sent() == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "speechConfig": {
                "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}},
                "languageCode": "en",
            },
        },
    }


def test_several_speakers_are_passed_in_extra(client_of, scripted):
    """
    The configuration is merged.
    """
    speakers = {"multiSpeakerVoiceConfig": {"speakerVoiceConfigs": []}}
    scripted.reply(200, reply(inline(L16, b"\1\0")))
    client_of(OLD).speak("A: Hi\nB: Hi", extra={"generationConfig": {"speechConfig": speakers}})

    assert scripted.sent()["generationConfig"] == {"responseModalities": ["AUDIO"], "speechConfig": speakers}


@pytest.mark.parametrize(
    ("model", "part", "adapted"),
    [
        (OLD, {"text": "Say cheerfully: Hello"}, ["instructions"]),
        (NEW, {"text": "Hello", "speechMetadata": {"style": "Say cheerfully"}}, []),
    ],
)
def test_instructions(client_of, scripted, model, part, adapted):
    """
    Older models read them in the text, newer ones in a field.
    """
    scripted.reply(200, reply(inline(L16, b"\1\0")))
    response = client_of(model).speak("Hello", instructions="Say cheerfully")

    assert scripted.sent()["contents"][0]["parts"] == [part]
    assert [adaptation.parameter for adaptation in response.adaptations] == adapted


def test_formats(client_of, scripted):
    """
    Samples get a header, as of every vendor; other formats are a WAV file too, which the response reports.
    """
    client = client_of(OLD)
    scripted.reply(200, reply(inline(L16, b"\1\0"))).reply(200, reply(inline(L16, b"\1\0")))
    samples, wave = client.speak("Hello", format="pcm"), client.speak("Hello", format="mp3", speed=2)

    assert (samples.audio.data, samples.audio.media_type) == (make_wave_header(2) + b"\1\0", "audio/wav")
    assert samples.adaptations == ()
    assert wave.audio.media_type == "audio/wav"
    assert [adaptation.parameter for adaptation in wave.adaptations] == ["format", "speed"]


@pytest.mark.parametrize("media_type", ["audio/wav", L16])
def test_a_wave_file_is_not_headed_twice(client_of, scripted, media_type):
    """
    Sizes that were not known when the header was written are corrected, whatever the media type says.
    """
    wave = make_wave_header(0) + b"\1\0"
    scripted.reply(200, reply(inline(media_type, wave)))

    audio = client_of(NEW).speak("Hello").audio

    assert (audio.data, audio.media_type) == (repair_wave(wave), "audio/wav")


def test_streamed_speech(client_of, scripted):
    """
    The events are a WAV file that can be played, and the response has the right sizes. A sample may be split.
    """
    chunks = [reply(inline(L16, b"\1\0\2"), finish=None), reply(inline(L16, b"\0"))]
    scripted.reply(200, chunks=sse(*chunks, done=False))
    with client_of(NEW).stream_speech("Hello") as stream:
        events = list(stream)

    assert all(isinstance(event, AudioDelta) for event in events)
    streamed = b"".join(event.data for event in events)
    assert repair_wave(streamed) == stream.response.audio.data == make_wave_header(4) + b"\1\0\2\0"
    assert stream.response.usage.total_tokens == 12


def test_a_model_without_streams_is_asked_for_all(client_of, scripted):
    """
    The whole file is one event.
    """
    scripted.reply(200, reply(inline(L16, b"\1\0")))
    with client_of(OLD).stream_speech("Hello") as stream:
        events = list(stream)

    assert scripted.calls[0].url.endswith(":generateContent")
    assert [event.data for event in events] == [stream.response.audio.data]


def test_a_stream_that_was_not_requested_is_read(client_of, scripted):
    """
    Some gateways stream every reply.
    """
    scripted.reply(200, chunks=sse(reply(inline(L16, b"\1\0")), done=False))

    assert client_of(NEW).speak("Hello").audio.data == make_wave_header(2) + b"\1\0"


def test_streamed_samples(client_of, scripted):
    """
    They arrive without a header, and the response is a file with one.
    """
    scripted.reply(200, chunks=sse(reply(inline(L16, b"\1\0")), done=False))
    with client_of(NEW).stream_speech("Hello", format="pcm") as stream:
        assert list(stream) == [AudioDelta(b"\1\0")]
    assert stream.response.audio.data == make_wave_header(2) + b"\1\0"


def test_a_reply_without_audio_is_an_error(client_of, scripted):
    """
    A text is no speech.
    """
    scripted.reply(200, reply(text("Hello")))
    with pytest.raises(BadResponseError, match="no audio"):
        client_of(OLD).speak("Hello")


def test_a_stream_without_audio_is_an_error(client_of, scripted):
    """
    The same holds for a stream.
    """
    scripted.reply(200, chunks=sse(reply(text("Hello")), done=False))
    with client_of(NEW).stream_speech("Hello") as stream, pytest.raises(BadResponseError, match="no audio"):
        list(stream)


def say(client, *, streaming):
    """
    Ask for speech, complete or streamed.
    """
    if not streaming:
        return client.speak("Hello")
    with client.stream_speech("Hello") as stream:
        list(stream)
    return stream.response


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(("raw", "reason"), [("MAX_TOKENS", "length"), ("OTHER", "other"), ("STOP", "stop")])
def test_truncated_speech_says_so(client_of, scripted, streaming, raw, reason):
    """
    The response says why it ended.
    """
    payload = reply(inline(L16, b"\1\0"), finish=raw)
    scripted.reply(200, chunks=sse(payload, done=False) if streaming else [json.dumps(payload).encode()])

    assert say(client_of(NEW), streaming=streaming).finish_reason == reason


@pytest.mark.parametrize("streaming", [False, True])
def test_a_refusal_in_words_is_an_error_of_the_filter(client_of, scripted, streaming):
    """
    Its message contains the words.
    """
    payload = reply(text("I cannot."), finish="SAFETY")
    scripted.reply(200, chunks=sse(payload, done=False) if streaming else [json.dumps(payload).encode()])

    with pytest.raises(ContentFilterError, match=r"SAFETY \(I cannot\.\)"):
        say(client_of(NEW), streaming=streaming)
