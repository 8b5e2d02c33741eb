"""Transcripts of models in the process."""

from __future__ import annotations

import numpy as np
import pytest

from budwood import Client
from budwood.errors import InvalidRequestError, UnsupportedError
from budwood.providing import make_wave_header
from budwood_transformers.transcribing import _chunks
from tests.plugins.audio_files import make_tone

RATE = 16_000
HEADER = len(make_wave_header(0))


@pytest.fixture
def client():
    """
    A client without a cache.
    """
    with Client(cache=False) as made:
        yield made


@pytest.mark.parametrize("model", ["whisper", "whisper-english", "wav2vec2"])
def test_models_transcribe(client, audio_models, model):
    """
    Models with a decoder and CTC models return text, and the duration of the recording.
    """
    response = client.transcribe(make_tone(seconds=1), model=audio_models[model])

    assert response.text.isalpha()
    assert response.seconds == pytest.approx(1)


def test_segments_have_times(client, audio_models):
    """
    Segments are returned with their times if they are requested.
    """
    response = client.transcribe(make_tone(seconds=1), model=audio_models["whisper"], timestamps="segment")

    assert response.segments
    assert all(one.end >= one.start >= 0 for one in response.segments)
    assert not response.words


@pytest.mark.parametrize("model", ["whisper", "wav2vec2"])
def test_words_have_times(client, audio_models, model):
    """
    Words are returned with their times if they are requested.
    """
    response = client.transcribe(make_tone(seconds=1), model=audio_models[model], timestamps="word")

    assert [one.word for one in response.words] == response.text.split()
    assert all(one.end >= one.start >= 0 for one in response.words)


def make_long_recording(ending):
    """
    Return a WAV file with a tone of 31 seconds, and a second that is repeated nine times.
    """
    samples = make_tone(seconds=1)[HEADER:] * 31 + ending * 9
    return make_wave_header(len(samples), rate=RATE) + samples


@pytest.mark.parametrize("model", ["whisper", "whisper-english", "wav2vec2"])
def test_long_recordings_are_transcribed_to_their_end(client, audio_models, model):
    """
    Recordings that differ only after the first 30 seconds, which a model takes at once, have other texts.

    The end is not louder than the start, because the library scales recordings by their loudest moment.
    """
    tone = np.frombuffer(make_tone(seconds=1)[HEADER:], "<i2")
    one, other = (
        client.transcribe(make_long_recording(ending.tobytes()), model=audio_models[model], temperature=0)
        for ending in (tone // 2, tone * 0)
    )

    assert one.seconds == other.seconds == pytest.approx(40)
    assert one.text != other.text
    assert one.text[0] == other.text[0]


def test_segments_after_the_first_part_have_their_own_times(client, audio_models):
    """
    The last segment of a recording of 40 seconds begins after the first 30 seconds; times ascend up to its end.
    """
    recording = make_long_recording(make_tone(seconds=1)[HEADER:])
    response = client.transcribe(recording, model=audio_models["whisper"], timestamps="segment", temperature=0)
    starts = [one.start for one in response.segments]

    assert starts == sorted(starts)
    assert starts[0] < 30 <= starts[-1]
    assert max(one.end for one in response.segments) <= 40


def test_times_that_the_model_does_not_predict_are_those_of_the_neighbours():
    """
    A missing start is the previous end, and a missing end, or one after the recording, is its end.
    """
    chunks = [{"text": text, "timestamp": times} for text, times in (("a", (1.0, 2.0)), ("b", (None, 9.0)))]

    assert list(_chunks({"chunks": chunks}, 5.0)) == [("a", 1.0, 2.0), ("b", 2.0, 5.0)]
    assert list(_chunks({"chunks": [{"text": "c", "timestamp": (4.0, None)}]}, 5.0)) == [("c", 4.0, 5.0)]


def test_translation_differs_from_the_transcript(client, audio_models):
    """
    The model gets the task and the language, which change its text.
    """
    audio = make_tone(seconds=1)
    german = client.transcribe(audio, model=audio_models["whisper"], language="de", temperature=0)
    english = client.translate_audio(audio, model=audio_models["whisper"], language="de", temperature=0)

    assert german.text != english.text


@pytest.mark.parametrize("model", ["whisper-english", "wav2vec2"])
def test_models_of_one_language_do_not_translate(client, audio_models, model):
    """
    A model whose configuration has no translation raises UnsupportedError.
    """
    with pytest.raises(UnsupportedError, match="does not translate"):
        client.translate_audio(make_tone(seconds=1), model=audio_models[model])


def test_unknown_language_is_an_error(client, audio_models):
    """
    A language that the model does not know raises InvalidRequestError with the library's reason.
    """
    with pytest.raises(InvalidRequestError, match="language"):
        client.transcribe(make_tone(seconds=1), model=audio_models["whisper"], language="xx")


def test_unused_parameters_of_transcripts_are_reported(client, audio_models):
    """
    Parameters that a CTC model does not have are adaptations.
    """
    options = {"language": "en", "prompt": "Oslo", "temperature": 0.2, "timestamps": ("segment", "word")}
    response = client.transcribe(make_tone(seconds=1), model=audio_models["wav2vec2"], **options)

    assert {one.parameter: one.action for one in response.adaptations} == {
        "language": "dropped",
        "prompt": "dropped",
        "temperature": "dropped",
        "timestamps": "changed",
    }


def test_transcription_model_asked_for_chat_names_the_right_call(client, audio_models):
    """
    A transcription model that is asked for chat or speech raises an error that names its call.
    """
    with pytest.raises(UnsupportedError, match=r"client\.transcribe"):
        client.ask("hi", model=audio_models["whisper"])
    with pytest.raises(UnsupportedError, match=r"client\.transcribe"):
        client.speak("hi", model=audio_models["whisper"])
