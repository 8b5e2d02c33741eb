"""
Transcripts as subtitles.

Sources: the format of SubRip, and WebVTT (W3C), section 4.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood.errors import BadResponseError

if TYPE_CHECKING:
    from budwood.types import TranscriptionResponse

_MAX_SECONDS: Final = 6.0
_MAX_CHARACTERS: Final = 80
"""How long a subtitle is that is made of words."""

_BLANK_LINES: Final = re.compile(r"\s*\n\s*")


class Cue(NamedTuple):
    """A subtitle. Times are in seconds."""

    start: float
    end: float
    text: str


def to_srt(response: TranscriptionResponse) -> str:
    """Return a transcript in the format of SubRip."""
    return "\n".join(
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{cue.text}\n"
        for number, cue in enumerate(list_cues(response), 1)
    )


def to_vtt(response: TranscriptionResponse) -> str:
    """Return a transcript as WebVTT."""
    cues = (
        f"\n{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{_escape(cue.text)}\n" for cue in list_cues(response)
    )
    return "WEBVTT\n" + "".join(cues)


def to_lines(response: TranscriptionResponse, times: Collection[str]) -> str:
    """Return a line with its times for each word, if ``times`` has them, else for each segment."""
    words = [Cue(word.start, word.end, word.word.strip()) for word in response.words] if "word" in times else []
    lines = (
        f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}  {' '.join(cue.text.split())}\n"
        for cue in words or list_cues(response)
    )
    return "".join(lines)


def list_cues(response: TranscriptionResponse) -> list[Cue]:
    """
    Return the subtitles of a transcript: its segments, or its words in groups.

    Raises:
        BadResponseError: The reply has no times. The command then prints its text, which is paid for.
    """
    cues = [
        Cue(part.start, part.end, _one_line(f"{part.speaker}: {part.text}" if part.speaker else part.text))
        for part in response.segments
        if part.start is not None and part.end is not None
    ]
    cues = cues or _group_words([Cue(word.start, word.end, word.word.strip()) for word in response.words])
    if not cues and response.text.strip():
        raise BadResponseError(
            "The reply has no times, which were asked for. Its text is on standard output.",
            hint="Choose a model that returns times, or pass --format text without --timestamps.",
        ).add_target(response.provider, response.model)
    return [cue for cue in cues if cue.text]


def _group_words(words: Sequence[Cue]) -> list[Cue]:
    groups: list[Cue] = []
    for word in words:
        last = groups[-1] if groups else None
        if (
            last is not None
            and word.end - last.start <= _MAX_SECONDS
            and len(last.text) + len(word.text) < _MAX_CHARACTERS
        ):
            groups[-1] = Cue(last.start, word.end, f"{last.text} {word.text}")
        else:
            groups.append(word)
    return groups


def _one_line(text: str) -> str:
    """Return a text without blank lines, which would end a subtitle."""
    return _BLANK_LINES.sub("\n", text.strip())


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, point: str) -> str:
    """Return a time as hours, minutes, seconds and milliseconds."""
    milliseconds = max(round(seconds * 1000), 0)
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{rest:03}"
