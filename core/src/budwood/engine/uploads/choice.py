"""Choose the media of a request that are uploaded, in place of being sent within it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood.engine.media_services import FILES
from budwood.engine.pipeline.media_sources import list_sources, measure
from budwood.engine.pipeline.offers import offers
from budwood.providing import find_media
from budwood.types import AnyMedia, MediaRequest

if TYPE_CHECKING:
    from budwood.engine.chat.option_types import Upload
    from budwood.engine.endpoints.endpoint import Target

INLINE_BYTES: Final = 20 * 1024 * 1024
"""How many bytes of media a request contains itself, in base64, if the limit of its model is not known."""


def choose_uploads(target: Target, request: MediaRequest, upload: Upload) -> list[AnyMedia]:
    """
    Return the media of a request that are uploaded.

    With ``"auto"`` these are those that the vendor takes only as files, and the largest ones until the others fit into
    a request. With ``"always"`` they are all that the vendor takes as files.
    """
    if upload == "never" or target.endpoint.remote is None or not offers(target, FILES):
        return []
    media = find_media(request)
    sources = {kind: list_sources(target, request, kind) for kind in {part.type for part in media}}
    sizes = {id(part): (size + 2) // 3 * 4 for part in media if part.url is None and (size := measure(part))}
    possible = [part for part in media if id(part) in sizes and "file" in sources[part.type]]
    if upload == "always":
        return possible
    chosen = [part for part in possible if "inline" not in sources[part.type]]
    left = sum(sizes.values()) - sum(sizes[id(part)] for part in chosen)
    limit = _inline_limit(target, media)
    for part in sorted(possible, key=lambda part: -sizes[id(part)]):
        if left <= limit:
            break
        if part not in chosen:
            chosen.append(part)
            left -= sizes[id(part)]
    return chosen


def _inline_limit(target: Target, media: list[AnyMedia]) -> int:
    known = target.endpoint.rules(target.model).media
    limits = [known[part.type].request_bytes for part in media if part.type in known]
    return min((limit for limit in limits if limit is not None), default=INLINE_BYTES)
