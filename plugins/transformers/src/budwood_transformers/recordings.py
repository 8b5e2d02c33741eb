"""Decode recordings to samples: WAV files with the standard library, other formats with ffmpeg."""

from __future__ import annotations

import io
import shutil
import wave
from typing import Any, Final

import numpy as np

from budwood.errors import BudwoodError, ConfigurationError, InvalidRequestError
from budwood.types import AudioPart
from budwood_transformers.media import read_media

_WAVE: Final = b"RIFF"
_UNSIGNED: Final = 1
"""The bytes of a sample of a WAV file whose samples are unsigned; others are signed."""


def read_recording(audio: AudioPart, rate: int) -> Any:  # noqa: ANN401 - an array
    """
    Return the samples of a recording: one channel, from -1 to 1, at ``rate`` samples per second.

    Raises:
        InvalidRequestError: It is not on this machine, cannot be read, is no audio, or has no samples.
        ConfigurationError: Its format requires ffmpeg, which is not installed.
    """
    content = read_media(audio)
    samples = _read_wave(content, rate) if content.startswith(_WAVE) else None
    if samples is None:
        samples = _read_with_ffmpeg(content, rate)
    if not samples.size:
        raise _unusable()
    return samples


def _read_wave(content: bytes, rate: int) -> Any:  # noqa: ANN401 - an array
    """Return the samples of a WAV file; None if they are compressed or not integers, which ffmpeg can read."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            channels, width, own_rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        return None
    whole = len(frames) - len(frames) % (channels * width)
    values = _to_floats(np.frombuffer(frames[:whole], np.uint8).reshape(-1, width))
    return _resample(values.reshape(-1, channels).mean(axis=1), own_rate, rate).astype(np.float32)


def _to_floats(samples: Any) -> Any:  # noqa: ANN401 - arrays
    """Convert rows with the bytes of a sample, least significant first."""
    width = samples.shape[1]
    if width == _UNSIGNED:
        return samples[:, 0] / 128.0 - 1.0
    padded = np.zeros((len(samples), 4), np.uint8)
    padded[:, 4 - width :] = samples
    return padded.view("<i4")[:, 0] / 2.0**31


def _resample(samples: Any, rate: int, new_rate: int) -> Any:  # noqa: ANN401 - arrays
    """Change the rate by cutting or extending the spectrum, which keeps all frequencies that the new rate can have."""
    if rate == new_rate or not samples.size:
        return samples
    size = max(round(len(samples) * new_rate / rate), 1)
    return np.fft.irfft(np.fft.rfft(samples)[: size // 2 + 1], size) * (size / len(samples))


def _read_with_ffmpeg(content: bytes, rate: int) -> Any:  # noqa: ANN401 - an array
    from transformers.pipelines.audio_utils import ffmpeg_read

    if shutil.which("ffmpeg") is None:
        raise ConfigurationError(
            "Reading audio that is not a WAV file of integer samples requires ffmpeg, which is not installed.",
            hint="Install ffmpeg, or pass a WAV file.",
        )
    try:
        return ffmpeg_read(content, rate)
    except (ValueError, OSError) as error:
        raise _unusable() from error


def _unusable() -> BudwoodError:
    return InvalidRequestError(
        "The recording is not audio that can be decoded, or it is empty.", param="audio", hint="Check the file."
    )
