"""Measure media with the installed media handlers, so that the limits of a model can be checked."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar

from budwood.engine.chat.media_handlers import read_file
from budwood.engine.pipeline.media_limits import must_be_read
from budwood.engine.pipeline.media_sources import measure
from budwood.errors import BudwoodError, PromptError
from budwood.plugins import Instances
from budwood.providing import HEAD_BYTES, read_image_size
from budwood.providing.sniffing import sniff_media_type
from budwood.types import (
    AnyMedia,
    AudioPart,
    GeneratedAudio,
    GeneratedVideo,
    ImagePart,
    MediaFile,
    MediaLimits,
    MediaPart,
    VideoPart,
)

M = TypeVar("M", GeneratedAudio, GeneratedVideo)

_MEASURED: Final = ("media_type", "width", "height", "seconds", "pages")
"""What media handlers find out about media."""


def fit_part(instances: Instances, part: AnyMedia, limits: MediaLimits) -> AnyMedia:
    """
    Return a part with what the limits count of it. A handler may convert one that exceeds them.

    A part that no handler can read stays as it is. So does one that a vendor generated: it may expect it unchanged.
    """
    media_type = part.media_type
    if part.provider is not None or media_type is None:
        return part
    part = _read_pixels(part)
    if not must_be_read(part, limits):
        return part
    name = part.name or (part.path.name if part.path is not None else part.type)
    size = measure(part) or 0
    file = MediaFile(name=name, media_type=media_type, size=size, data=part.data, path=part.path, limits=limits)
    try:
        found = read_file(instances, file)
    except PromptError:
        return part
    return _update(part, found[0]) if len(found) == 1 and isinstance(found[0], MediaPart) else part


def measure_seconds(instances: Instances, part: AudioPart) -> float | None:
    """Return the duration that the content of audio states; None if it is not here, or no handler can read it."""
    size = measure(part)
    if size is None or (part.data is None and part.path is None):
        return None
    name = part.path.name if part.path is not None else part.type
    file = MediaFile(name=name, media_type=part.media_type or "", size=size, data=part.data, path=part.path)
    try:
        media_type = sniff_media_type(file.head(HEAD_BYTES)) or file.media_type
        found = read_file(instances, file.model_copy(update={"media_type": media_type}))
    except (BudwoodError, OSError):
        return None
    return next((each.seconds for each in found if isinstance(each, AudioPart | VideoPart)), None)


def measure_result(instances: Instances, media: M) -> M:
    """
    Return generated audio or a video with the duration that its content states, unless the vendor reports it.

    Content that no handler can read stays as it is: the result is paid for.
    """
    if media.seconds is not None or not media.is_here:
        return media
    size = measure(media) or 0
    file = MediaFile(name=media.type, media_type=media.media_type or "", size=size, data=media.data, path=media.path)
    try:
        media_type = sniff_media_type(file.head(HEAD_BYTES)) or file.media_type
        found = read_file(instances, file.model_copy(update={"media_type": media_type}))
    except (BudwoodError, OSError):
        return media
    seconds = next((part.seconds for part in found if isinstance(part, AudioPart | VideoPart)), None)
    return media if seconds is None else media.model_copy(update={"seconds": seconds})


def _read_pixels(part: AnyMedia) -> AnyMedia:
    """Return an image with the size that its header states, if that is not known."""
    if not isinstance(part, ImagePart) or part.path is None or part.width:
        return part
    try:
        with part.path.open("rb") as file:
            size = read_image_size(file.read(HEAD_BYTES))
    except OSError:
        return part  # sending reports it
    return part if size is None else part.model_copy(update={"width": size.width, "height": size.height})


def _update(part: AnyMedia, found: MediaPart) -> AnyMedia:
    names = [name for name in _MEASURED if name in type(part).model_fields]
    values: dict[str, object] = {name: value for name in names if (value := getattr(found, name, None)) is not None}
    if part.name is not None and found.media_type != part.media_type:
        values["name"] = Path(part.name).stem  # its extension is that of the old format
    return part.model_copy(update={**values, "data": found.data, "path": found.path})
