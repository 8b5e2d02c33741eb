"""Speech of models in the process."""

from __future__ import annotations

import io
import json
import wave

import pytest

from budwood import Client
from budwood.errors import InvalidRequestError, UnsupportedError


@pytest.fixture
def client():
    """
    A client without a cache.
    """
    with Client(cache=False) as made:
        yield made


def test_speech_is_a_wave_file_at_the_rate_of_the_model(client, audio_models):
    """
    The result is a mono WAV of 16 bits at the sampling rate of the model, and states its duration.
    """
    response = client.speak("good morning", model=audio_models["vits"])

    with wave.open(io.BytesIO(response.audio.read())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert file.getnframes() / 16_000 == response.audio.seconds > 0


def test_seed_repeats_speech_and_keeps_the_global_generator(client, audio_models):
    """
    Equal seeds give equal audio, and the state of torch's global generator does not change.
    """
    import torch

    state = torch.get_rng_state()
    first, again, other = (
        client.speak("good morning", model=audio_models["vits"], extra={"seed": seed}).audio.read()
        for seed in (1, 1, 2)
    )

    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)


def test_speed_changes_the_duration(client, audio_models):
    """
    A higher speed gives shorter audio.
    """
    slow, fast = (
        client.speak("good morning", model=audio_models["vits"], speed=speed, extra={"seed": 1}).audio.seconds
        for speed in (0.5, 2)
    )

    assert slow > fast


def test_voice_is_a_speaker_of_the_model(client, audio_models):
    """
    Voices are numbers of speakers; another voice sounds different, and an unknown one is an error.
    """
    model = audio_models["vits-speakers"]
    first, second = (client.speak("hi", model=model, voice=voice, extra={"seed": 1}).audio.read() for voice in "01")

    assert first != second
    with pytest.raises(InvalidRequestError, match='"0" to "2"'):
        client.speak("hi", model=model, voice="3")


def test_unused_parameters_of_speech_are_reported(client, audio_models):
    """
    A voice for a model with one voice, another format, and instructions are adaptations.
    """
    response = client.speak("hi", model=audio_models["vits"], voice="x", format="mp3", instructions="softly")

    assert {one.parameter for one in response.adaptations} == {"voice", "format", "instructions"}


def test_text_without_letters_of_the_model_is_an_error(client, audio_models):
    """
    A text in which the model knows no letter raises InvalidRequestError.
    """
    with pytest.raises(InvalidRequestError, match="no letters"):
        client.speak("123", model=audio_models["vits"])


def test_text_model_asked_for_speech_names_the_right_call(client, tiny_folder):
    """
    A text model that is asked for speech or images raises an error that names its call, and models that can.
    """
    with pytest.raises(UnsupportedError, match=r"chat model.*client\.ask.*speech model, such as"):
        client.speak("hi", model=f"transformers/{tiny_folder}")
    with pytest.raises(UnsupportedError, match=r"client\.ask.*image model, such as"):
        client.image("hi", model=f"transformers/{tiny_folder}")


def test_speech_model_asked_for_chat_names_the_right_call(client, audio_models):
    """
    A speech model that is asked for chat or a transcript raises an error that names its call.
    """
    with pytest.raises(UnsupportedError, match=r"client\.speak"):
        client.ask("hi", model=audio_models["vits"])
    with pytest.raises(UnsupportedError, match=r"client\.speak"):
        client.transcribe(b"RIFF\x24\x00\x00\x00WAVEfmt ", model=audio_models["vits"])


@pytest.mark.parametrize("architecture", ["SpeechT5ForTextToSpeech", "FastSpeech2ConformerModel"])
def test_spectrogram_model_is_refused_with_the_reason(client, tmp_path, architecture):
    """
    A model without a vocoder raises an error that says what it lacks, and names models that return sound.
    """
    (tmp_path / "config.json").write_text(json.dumps({"architectures": [architecture]}), encoding="utf-8")

    with pytest.raises(UnsupportedError, match=r"spectrograms.*vocoder.*facebook/mms-tts-eng"):
        client.speak("hi", model=f"transformers/{tmp_path}")
    with pytest.raises(UnsupportedError, match=r"client\.speak"):
        client.ask("hi", model=f"transformers/{tmp_path}")
