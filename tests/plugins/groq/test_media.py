"""Speech, transcription and files of Groq through its client."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.errors import PromptError, UnsupportedError
from budwood.providing import make_wave_header
from budwood.types import AudioPart

WAV = make_wave_header(4) + bytes(4)


@pytest.fixture
def client(scripted, clock):
    """
    A client of Groq.
    """
    with Client("groq/whisper-large-v3", api_key="k", transport=scripted, clock=clock, cache=False) as created:
        yield created


@pytest.mark.parametrize(("asked", "adapted"), [(None, []), ("wav", []), ("mp3", ["format"])])
def test_speech_is_always_wav(client, scripted, asked, adapted):
    """
    Groq rejects other formats, and its own default differs, so WAV is asked for; another wish is an adaptation.
    """
    scripted.reply(headers={"content-type": "audio/wav"}, body=WAV)

    reply = client.speak("Hi", model="groq/canopylabs/orpheus-v1-english", voice="hannah", format=asked)

    assert scripted.sent(0) == {
        "model": "canopylabs/orpheus-v1-english",
        "input": "Hi",
        "voice": "hannah",
        "response_format": "wav",
    }
    assert [one.parameter for one in reply.adaptations] == adapted
    assert reply.audio.media_type == "audio/wav"


def test_speech_is_short(client, scripted):
    """
    A text above Groq's limit is refused before anything is sent.
    """
    with pytest.raises(PromptError, match="at most 200"):
        client.speak("x" * 201, model="groq/canopylabs/orpheus-v1-english")
    assert scripted.calls == []


def test_audio_at_a_url_is_passed_on(client, scripted):
    """
    Groq fetches audio itself.
    """
    scripted.reply(body={"text": "Hello."})

    assert client.transcribe(AudioPart(url="https://files.example/a.mp3")).text == "Hello."
    assert {field.name: field.content for field in scripted.sent_form(0)} == {
        "model": b"whisper-large-v3",
        "url": b"https://files.example/a.mp3",
    }
    assert scripted.calls[0].url == "https://api.groq.com/openai/v1/audio/transcriptions"


def test_transcription_is_not_streamed(client, scripted):
    """
    Groq does not stream transcripts, so the whole one arrives at once.
    """
    scripted.reply(body={"text": "Hello.", "x_groq": {"id": "req_1"}})

    with client.stream_transcription(WAV) as stream:
        assert [event.text for event in stream] == ["Hello."]
    assert "stream" not in {field.name for field in scripted.sent_form(0)}


def test_small_model_does_not_translate(client, scripted):
    """
    The turbo model only transcribes.
    """
    with pytest.raises(UnsupportedError, match="translate"):
        client.translate_audio(WAV, model="groq/whisper-large-v3-turbo")
    assert scripted.calls == []


def test_file_of_a_batch(client, scripted, tmp_path):
    """
    Groq stores files for batches.
    """
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n", encoding="utf-8")
    scripted.reply(body={"id": "file-1", "filename": "a.jsonl", "bytes": 3, "purpose": "batch"})

    assert client.files.upload(path, purpose="batch").id == "file-1"
    assert {field.name: field.content for field in scripted.sent_form(0)}["purpose"] == b"batch"


def test_file_of_groq_is_for_batches(client, scripted):
    """
    Groq has no other purpose, so that is the default.
    """
    scripted.reply(body={"id": "file-1", "filename": "a.jsonl", "bytes": 3, "purpose": "batch"})

    client.files.upload(b"{}\n", name="a.jsonl")

    assert {field.name: field.content for field in scripted.sent_form(0)}["purpose"] == b"batch"
