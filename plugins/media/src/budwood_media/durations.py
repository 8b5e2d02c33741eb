"""
Audio and video with their duration.

mutagen reads that of audio. It does not know WebM, and of MP4 only files with sound.
"""

from __future__ import annotations

import math
from typing import BinaryIO, Final

from budwood.providing import HEAD_BYTES, check_content, make_media, read_wave_seconds
from budwood.types import MediaFile, Part
from budwood_media.mp4 import read_mp4_duration
from budwood_media.webm import read_webm_duration

_WEBM: Final = frozenset({"audio/webm", "video/webm"})
_MP4: Final = frozenset({"audio/mp4", "video/mp4", "video/quicktime"})


class DurationHandler:
    """Passes audio and video on; see `budwood.contracts.MediaHandler`."""

    def parts(self, file: MediaFile) -> tuple[Part, ...]:
        """
        Return the media with their duration, if the file says it.

        Raises:
            PromptError: The content is not in the format of its media type.
        """
        check_content(file)
        return (make_media(file, seconds=read_duration(file)),)


def read_duration(file: MediaFile) -> float | None:
    """Return the duration in seconds; None if it is not known, as for a stream that was recorded live."""
    if file.media_type in _WEBM:
        seconds = read_webm_duration(file.head(HEAD_BYTES))
    elif file.media_type == "audio/wav" and (known := read_wave_seconds(file.head(HEAD_BYTES), file.size)) is not None:
        seconds = known
    else:
        with file.open() as content:
            is_mp4 = file.media_type in _MP4
            seconds = read_mp4_duration(content) if is_mp4 else _read_duration(content, file.media_type)
    return seconds if seconds is not None and math.isfinite(seconds) and seconds > 0 else None


def _read_duration(content: BinaryIO, media_type: str) -> float | None:
    from mutagen import File, FileType
    from mutagen.aiff import AIFF
    from mutagen.flac import FLAC
    from mutagen.mp3 import MP3
    from mutagen.oggflac import OggFLAC
    from mutagen.oggopus import OggOpus
    from mutagen.oggspeex import OggSpeex
    from mutagen.oggvorbis import OggVorbis
    from mutagen.wave import WAVE

    formats: dict[str, list[type[FileType]]] = {
        "audio/wav": [WAVE],
        "audio/mpeg": [MP3],
        "audio/flac": [FLAC],
        "audio/ogg": [OggOpus, OggVorbis, OggFLAC, OggSpeex],
        "audio/aiff": [AIFF],
    }
    try:
        found = File(fileobj=content, options=formats[media_type])
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - a damaged file can make mutagen raise anything; its duration is then unknown
        return None
    return None if found is None else float(found.info.length)
