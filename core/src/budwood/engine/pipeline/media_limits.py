"""Check media against the limits of a model before anything is sent. What is unknown is not checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from budwood.catalog import list_takers
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.media_sources import is_url, list_sources, measure
from budwood.errors import UnsupportedError
from budwood.providing import HEAD_BYTES, ImageSize, check_capabilities, hide_secrets, list_media, read_image_size
from budwood.types import AnyMedia, Capability, ChatRequest, MediaKind, MediaLimits

_SMALLER: Final = {
    "image": "Scale it down. budwood-media-pillow scales images automatically.",
    "audio": "Split it, or encode it with a lower rate.",
    "video": "Split it, or encode it with a lower rate.",
    "document": "Pass the pages that matter.",
}
_CONVERT: Final = {
    "image": "Convert it. budwood-media-pillow converts images automatically.",
    "document": "Pass files=[…]: media handlers convert documents to text. Or convert it.",
}


def check_media(target: Target, request: ChatRequest, capabilities: frozenset[Capability]) -> None:
    """
    Check that a model takes the kinds of media of a request.

    Raises:
        UnsupportedError: It does not. Nothing was sent.
    """
    check_capabilities(request.messages, capabilities, target.address, list_takers)
    for kind in sorted({part.type for part in list_media(request.messages)}):
        if not list_sources(target, request, kind):
            capability = Capability(f"{kind}_input")
            check_capabilities(request.messages, capabilities - {capability}, target.address, list_takers)


def check_limits(target: Target, media: Sequence[AnyMedia], uploaded: Sequence[AnyMedia] = ()) -> None:
    """
    Check media against the limits of a model in the catalog or the settings.

    Those that are uploaded do not count against the size of the request itself.

    Raises:
        UnsupportedError: They exceed one.
    """
    known = find_limits(target, media)
    for kind, limits in known.items():
        parts = [part for part in media if part.type == kind]
        if limits.count is not None and len(parts) > limits.count:
            problem = f"takes at most {limits.count} of the kind {kind} in a request; got {len(parts)}"
            raise _error(target, problem, "Send fewer in each request.")
        pages = sum(_read(part, "pages") or 0 for part in parts)
        if limits.pages is not None and pages > limits.pages:
            problem = f"takes at most {limits.pages:,} pages in a request; got {pages:,}"
            raise _error(target, problem, _SMALLER["document"])
        for part in parts:
            for problem, hint in _list_problems(part, limits):
                raise _error(target, f"{problem}: {_describe(part)}", hint)
    elsewhere = set(map(id, uploaded))
    _check_request_size(target, [part for part in media if id(part) not in elsewhere], known)


def find_limits(target: Target, media: Sequence[AnyMedia]) -> dict[MediaKind, MediaLimits]:
    """Return the limits of a model for a request with media, by their kind."""
    if not media:
        return {}
    facts = target.endpoint.facts(target.model) if target.endpoint.facts is not None else None
    window = facts.context_window if facts is not None else None
    counts = Counter(part.type for part in media)
    known = target.endpoint.rules(target.model).media
    return {kind: limits.for_request(counts[kind], window) for kind, limits in known.items()}


def must_be_read(part: AnyMedia, limits: MediaLimits) -> bool:
    """Tell whether a part exceeds a limit, or what a limit counts is not known of it."""
    is_unknown = (
        (limits.seconds is not None and _read(part, "seconds") is None)
        or (limits.pages is not None and _read(part, "pages") is None)
        or (_has_pixel_limits(limits) and _measure_pixels(part) is None)
    )
    return is_unknown or any(_list_problems(part, limits))


def _has_pixel_limits(limits: MediaLimits) -> bool:
    return any(limit is not None for limit in (limits.width, limits.height, limits.pixels))


def _list_problems(part: AnyMedia, limits: MediaLimits) -> Iterator[tuple[str, str]]:
    """Yield what exceeds a limit, and what to do."""
    smaller = _SMALLER[part.type]
    types = limits.media_types
    if types and part.media_type is not None and part.media_type not in types and not is_url(part):
        yield f"takes only {', '.join(sorted(types))}", _CONVERT.get(part.type, "Convert it.")
    if limits.bytes is not None and (size := measure(part)) is not None and size > limits.bytes:
        yield f"takes at most {limits.bytes:,} bytes of this kind", smaller
    if limits.seconds is not None and (_read(part, "seconds") or 0) > limits.seconds:
        yield f"takes at most {limits.seconds:g} seconds", "Split it."
    if _has_pixel_limits(limits) and (pixels := _measure_pixels(part)) is not None:
        yield from ((problem, smaller) for problem in _list_pixel_problems(pixels, limits))


def _list_pixel_problems(size: ImageSize, limits: MediaLimits) -> Iterator[str]:
    shown = f"got {size.width} × {size.height} pixels"
    if limits.width is not None and size.width > limits.width:
        yield f"takes images of at most {limits.width} pixels in width; {shown}"
    if limits.height is not None and size.height > limits.height:
        yield f"takes images of at most {limits.height} pixels in height; {shown}"
    if limits.pixels is not None and size.width * size.height > limits.pixels:
        yield f"takes images of at most {limits.pixels:,} pixels; {shown}"


def _check_request_size(target: Target, media: Sequence[AnyMedia], known: Mapping[MediaKind, MediaLimits]) -> None:
    """Check the size of all media that the request contains itself, in base64."""
    limits = [known[part.type].request_bytes for part in media if part.type in known]
    limit = min((each for each in limits if each is not None), default=None)
    if limit is None:
        return
    total = sum((size + 2) // 3 * 4 for part in media if (size := measure(part)) is not None)
    if total > limit:
        raise UnsupportedError(
            f"{target.address} takes at most {limit:,} bytes of media in a request; they are {total:,} in base64.",
            hint="Send fewer or smaller files.",
        )


def _measure_pixels(part: AnyMedia) -> ImageSize | None:
    width, height = _read(part, "width"), _read(part, "height")
    if width and height:
        return ImageSize(width, height)
    if part.data is not None:
        return read_image_size(part.data[:HEAD_BYTES])
    return None


def _read(part: AnyMedia, name: str) -> Any:  # noqa: ANN401 - a number
    return getattr(part, name, None)


def _describe(part: AnyMedia) -> str:
    name = part.name or (hide_secrets(part.url) if part.url else part.type)
    size = measure(part)
    return f"{name} ({part.media_type or 'of an unknown type'}{f', {size:,} bytes' if size is not None else ''})"


def _error(target: Target, problem: str, hint: str) -> UnsupportedError:
    return UnsupportedError(f"{target.address} {problem}.", hint=hint)
