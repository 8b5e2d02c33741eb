"""
Parse subtitles, which transcriptions can be.

Sources: the WebVTT specification of W3C; SubRip has no specification, and is recognized by its times.
"""

from __future__ import annotations

import re
from typing import Final

from budwood.types import TranscriptSegment

_TIME: Final = r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{3})"
_CUE: Final = re.compile(rf"^{_TIME}[ \t]+-->[ \t]+{_TIME}.*$", re.MULTILINE)


def parse_subtitles(text: str) -> tuple[TranscriptSegment, ...]:
    """Return the segments of subtitles in the form SRT or WebVTT; empty if a text is neither."""
    cues = list(_CUE.finditer(text))
    if not cues or not (text.lstrip().startswith("WEBVTT") or text[: cues[0].start()].strip().isdecimal()):
        return ()
    ends = [cue.start() for cue in cues[1:]] + [len(text)]
    return tuple(
        TranscriptSegment(
            text=_get_text(text[cue.end() : end], is_last=cue is cues[-1]),
            start=_to_seconds(cue.groups()[:4]),
            end=_to_seconds(cue.groups()[4:]),
        )
        for cue, end in zip(cues, ends, strict=True)
    )


def _get_text(block: str, *, is_last: bool) -> str:
    """Return the text of a cue without the number of the next one."""
    lines = block.strip().splitlines()
    if not is_last and len(lines) > 1 and lines[-1].strip().isdecimal() and not lines[-2].strip():
        lines = lines[:-1]
    return " ".join(line.strip() for line in lines if line.strip())


def _to_seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in parts)
    return round(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000, 3)
