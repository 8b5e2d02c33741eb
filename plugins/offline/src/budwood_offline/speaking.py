"""Tones in place of speech: a WAV with a tone for each letter, which also contains the text."""

from __future__ import annotations

import math
import struct
from array import array
from functools import lru_cache
from typing import Final

from budwood.errors import InvalidRequestError
from budwood.providing import make_wave_header
from budwood.types import GeneratedAudio, SpeechRequest
from budwood_offline.waves import SOFTWARE, make_info

VOICES: Final = {"low": 110.0, "middle": 220.0, "high": 440.0}
"""The voices, and the frequency in Hz of their lowest tone."""

DEFAULT_VOICE: Final = "middle"
RATE: Final = 8000
SECONDS_OF_LETTER: Final = 0.06
MAX_CHARACTERS: Final = 10_000
MIN_SPEED: Final = 0.25
MAX_SPEED: Final = 4.0

_SCALE: Final = (0, 2, 4, 7, 9, 12, 14, 16, 19, 21)
"""The tones in semitones: a pentatonic scale over two octaves."""

_AMPLITUDE: Final = 9000
_FADE: Final = 0.1
"""The part of a tone in which it begins, and in which it ends."""


def speak(request: SpeechRequest) -> GeneratedAudio:
    """
    Return a WAV with a tone for each letter, and silence for white space.

    Raises:
        InvalidRequestError: The text is too long or no valid text, or the speed is not within its limits.
    """
    if len(request.text) > MAX_CHARACTERS:
        raise InvalidRequestError(
            f"The text has {len(request.text):,} characters; the offline provider speaks up to {MAX_CHARACTERS:,}.",
            param="text",
            hint="Split the text.",
        )
    speed = request.speed or 1.0
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise InvalidRequestError(
            f"The offline provider does not speak at speed {speed:g}.",
            param="speed",
            hint=f"Pass a speed from {MIN_SPEED:g} to {MAX_SPEED:g}.",
        )
    base = VOICES.get(request.voice or "", VOICES[DEFAULT_VOICE])
    length = round(RATE * SECONDS_OF_LETTER / speed)
    samples = b"".join(_tone(letter, base, length) for letter in request.text)
    return GeneratedAudio(
        data=_make_file(samples, request.text),
        media_type="audio/wav",
        seconds=len(samples) / 2 / RATE,
        transcript=request.text,
    )


def _tone(letter: str, base: float, length: int) -> bytes:
    """Return the samples of a letter."""
    if letter.isspace():
        return b"\0\0" * length
    return _make_tone(base * 2 ** (_SCALE[ord(letter.casefold()[0]) % len(_SCALE)] / 12), length)


@lru_cache(maxsize=256)
def _make_tone(frequency: float, length: int) -> bytes:
    fade = max(length * _FADE, 1)
    samples = array(
        "h",
        (
            round(
                _AMPLITUDE
                * min(index / fade, (length - index) / fade, 1)
                * math.sin(2 * math.pi * frequency * index / RATE)
            )
            for index in range(length)
        ),
    )
    return struct.pack(f"<{length}h", *samples)


def _make_file(samples: bytes, text: str) -> bytes:
    try:
        info = make_info({b"ISFT": SOFTWARE, b"ICMT": text.encode()})
    except UnicodeEncodeError as error:
        raise InvalidRequestError(
            f"The text is not valid: {error.reason}.", param="text", hint="Remove lone surrogates."
        ) from None
    content = bytearray(make_wave_header(len(samples), rate=RATE) + samples + info)
    struct.pack_into("<I", content, 4, len(content) - 8)
    return bytes(content)
