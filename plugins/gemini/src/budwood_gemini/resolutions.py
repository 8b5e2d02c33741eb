"""
Choose the resolution at which a model sees images.

Source: ai.google.dev/gemini-api/docs/media-resolution: one for the request, or from Gemini 3 on one for each part.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from budwood.types import Adaptation, ChatRequest, ImagePart, ToolResultPart
from budwood_gemini.media import PART_RESOLUTIONS, RESOLUTIONS

_ONE: Final = "Gemini has three resolutions, and one per request: the highest of those requested was sent"
_UNKNOWN: Final = f"Gemini has only the resolutions {', '.join(PART_RESOLUTIONS)}"


class Resolution(NamedTuple):
    """
    The resolution of a request.

    Attributes:
        level: That of the whole request.
        is_of_parts: Whether each image has its own instead.
        adaptations: What is not sent as it was requested.
    """

    level: str | None = None
    is_of_parts: bool = False
    adaptations: tuple[Adaptation, ...] = ()


_DEFAULT: Final = Resolution()


def choose_resolution(request: ChatRequest, *, signed: bool) -> Resolution:
    """Choose where the resolution is sent; ``signed`` models take one for each part."""
    details = {_detail(image) for image in _list_images(request)}
    known = details & PART_RESOLUTIONS.keys()
    if details <= {None}:
        return _DEFAULT
    differs = len(details) > 1 or "ultra_high" in details
    reasons = [_UNKNOWN] if details - {None} - known else []
    if signed and differs:
        return Resolution(is_of_parts=bool(known), adaptations=_adapt(*reasons))
    if differs and not reasons:
        reasons.append(_ONE)
    highest = next((level for level in reversed(PART_RESOLUTIONS) if level in known), None)
    level = None if highest is None else RESOLUTIONS.get(highest, RESOLUTIONS["high"])
    return Resolution(level, adaptations=_adapt(*reasons))


def _adapt(*reasons: str) -> tuple[Adaptation, ...]:
    return tuple(Adaptation(parameter="detail", action="changed", reason=reason) for reason in reasons)


def _detail(image: ImagePart) -> str | None:
    return None if image.detail == "auto" else image.detail


def _list_images(request: ChatRequest) -> list[ImagePart]:
    images: list[ImagePart] = []
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ImagePart):
                images.append(part)
            elif isinstance(part, ToolResultPart):
                images.extend(part.images)
    return images
