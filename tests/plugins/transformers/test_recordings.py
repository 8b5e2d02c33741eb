"""Decoding of recordings."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from budwood.errors import ConfigurationError, InvalidRequestError
from budwood.types import AudioPart
from budwood_transformers.recordings import read_recording
from tests.plugins.audio_files import make_flac, make_tone

RATE = 16_000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


def wav(data):
    """
    A recording.
    """
    return AudioPart(data=data, media_type="audio/wav")


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_wave_files_are_read_at_the_rate_of_the_model(width, channels, rate):
    """
    Samples of every width, number of channels and rate give the same sound: one channel from -1 to 1.
    """
    samples = read_recording(wav(make_tone(1, rate=rate, width=width, channels=channels)), RATE)

    assert (samples.shape, samples.dtype) == ((RATE,), np.float32)
    assert np.abs(samples - TONE).max() < 0.02


@pytest.mark.parametrize("data", [b"", b"no audio", b"RIFF\xff\xff\xff\xffWAVE", make_tone(0)])
def test_unusable_recording_is_an_error(data):
    """
    Bytes that are no audio, and audio without samples, raise a typed error.
    """
    with pytest.raises((InvalidRequestError, ConfigurationError)):
        read_recording(wav(data), RATE)


def test_missing_file_and_url_are_errors(tmp_path):
    """
    A file that does not exist, and a URL, raise errors that say what to pass.
    """
    with pytest.raises(InvalidRequestError, match="Check the path"):
        read_recording(AudioPart(path=tmp_path / "missing.wav"), RATE)
    with pytest.raises(InvalidRequestError, match="Pass a path or bytes"):
        read_recording(AudioPart(url="https://example.com/a.wav"), RATE)


def test_other_formats_require_ffmpeg(monkeypatch):
    """
    Without ffmpeg, a recording that is no WAV raises an error that says what to install.
    """
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(ConfigurationError, match="Install ffmpeg"):
        read_recording(AudioPart(data=make_flac(), media_type="audio/flac"), RATE)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_other_formats_are_read_with_ffmpeg():
    """
    A recording in the format AIFF is read at the rate of the model.
    """
    from tests.plugins.audio_files import make_aiff

    samples = read_recording(AudioPart(data=make_aiff(seconds=2), media_type="audio/aiff"), RATE)

    assert len(samples) == pytest.approx(2 * RATE, rel=0.01)
