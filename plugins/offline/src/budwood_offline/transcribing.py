"""Transcripts of the WAV files of `budwood_offline.speaking`, from the text that they contain."""

from __future__ import annotations

import re
from typing import Final

from budwood.errors import InvalidRequestError
from budwood.types import TranscriptionRequest, TranscriptionResponse, TranscriptSegment, TranscriptWord
from budwood_offline.waves import SOFTWARE, read_info, read_seconds

_WORD: Final = re.compile(r"\S+")
_SENTENCE: Final = re.compile(r"\S.*?(?:[.!?]+(?=\s|$)|$)", re.DOTALL)


def transcribe(request: TranscriptionRequest, model: str) -> TranscriptionResponse:
    """
    Return the text of a WAV that the offline provider generated.

    Each letter lasts equally long, which gives the times of words and sentences.

    Raises:
        InvalidRequestError: It is other audio.
    """
    audio = request.audio
    if audio.url is not None or audio.file_id is not None:
        raise InvalidRequestError(
            "The offline provider does not download audio.", param="audio", hint="Pass a path or bytes."
        )
    info = read_info(audio)
    if info.get(b"ISFT") != SOFTWARE or b"ICMT" not in info:
        raise InvalidRequestError(
            "The offline provider does not recognize speech. It reads only WAV files that it generated.",
            param="audio",
            hint="Choose a transcription model of another provider, or create the file with offline/speech.",
        )
    text = info[b"ICMT"].decode("utf-8", "replace")
    seconds = read_seconds(audio)
    unit = seconds / len(text) if text else 0.0
    segments = tuple(
        TranscriptSegment(text=found[0], start=round(found.start() * unit, 3), end=round(found.end() * unit, 3))
        for found in (_SENTENCE.finditer(text) if "segment" in request.timestamps else ())
    )
    words = tuple(
        TranscriptWord(word=found[0], start=round(found.start() * unit, 3), end=round(found.end() * unit, 3))
        for found in (_WORD.finditer(text) if "word" in request.timestamps else ())
    )
    return TranscriptionResponse(text=text, model=model, seconds=seconds, segments=segments, words=words)
