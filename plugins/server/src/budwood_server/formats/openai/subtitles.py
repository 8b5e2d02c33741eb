"""
Segments of a transcript as subtitles.

Sources: the WebVTT specification of W3C; SubRip has no specification, the form is that of OpenAI's replies.
"""

from __future__ import annotations

from collections.abc import Iterable

from budwood.types import TranscriptSegment


def encode_srt(segments: Iterable[TranscriptSegment]) -> str:
    """Return segments, all of which have times, in the form of SubRip."""
    return "".join(
        f"{number}\n{_format(segment.start, ',')} --> {_format(segment.end, ',')}\n{segment.text.strip()}\n\n"
        for number, segment in enumerate(segments, 1)
    )


def encode_vtt(segments: Iterable[TranscriptSegment]) -> str:
    """Return segments, all of which have times, in the form of WebVTT."""
    cues = (
        f"{_format(segment.start, '.')} --> {_format(segment.end, '.')}\n{segment.text.strip()}\n\n"
        for segment in segments
    )
    return "WEBVTT\n\n" + "".join(cues)


def _format(seconds: float | None, point: str) -> str:
    milliseconds = round((seconds or 0.0) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"
