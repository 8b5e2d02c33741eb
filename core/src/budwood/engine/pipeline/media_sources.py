"""How a request can contain media, and how large they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from budwood.contracts import MediaInputProvider
from budwood.engine.endpoints.endpoint import Target
from budwood.plugins import faults
from budwood.providing.messages import MEDIA_FIELDS
from budwood.types import AnyMedia, ChatRequest, MediaKind, MediaRequest, Part, ToolResultPart
from budwood.types.record import Record

R = TypeVar("R", bound=Record)


def list_sources(target: Target, request: MediaRequest, kind: MediaKind) -> frozenset[str]:
    """Return how a request can contain media of a kind; see `budwood.contracts.MediaInputProvider`."""
    provider = target.endpoint.remote
    if not isinstance(provider, MediaInputProvider):
        return frozenset({"inline", "url"}) if provider is not None and kind == "image" else frozenset({"inline"})
    with faults.call_boundary(target.endpoint.source, "media_sources"):
        return provider.media_sources(request, kind)


def takes_url(target: Target, request: MediaRequest, kind: MediaKind) -> bool:
    """Tell whether the vendor fetches media of a kind from their URL."""
    return target.endpoint.remote is not None and "url" in list_sources(target, request, kind)


def is_url(part: AnyMedia) -> bool:
    """Tell whether a part has a URL that must be fetched."""
    return part.url is not None and part.url[:5].lower() != "data:"


def measure(part: AnyMedia) -> int | None:
    """Return the size of the content in bytes; None if it is not on this machine."""
    if part.data is not None:
        return len(part.data)
    if part.path is not None:
        try:
            return part.path.stat().st_size
        except OSError:
            return None  # sending reports it
    return None if part.url is None or is_url(part) else len(part.url) * 3 // 4


def replace_media(request: R, replacements: Mapping[int, AnyMedia]) -> R:
    """Return a request to any service with other media, by the identity of those that they replace."""
    if isinstance(request, ChatRequest):
        messages = [
            message.model_copy(update={"parts": _replace_parts(message.parts, replacements)})
            for message in request.messages
        ]
        return request.model_copy(update={"messages": tuple(messages)})
    fields = {name: value for name in MEDIA_FIELDS if (value := getattr(request, name, None))}
    update = {
        name: _replace_parts(value, replacements) if isinstance(value, tuple) else replacements.get(id(value), value)
        for name, value in fields.items()
    }
    return request.model_copy(update=update)


def _replace_parts(parts: Iterable[Part], replacements: Mapping[int, AnyMedia]) -> tuple[Part, ...]:
    return tuple(
        part.model_copy(update={"content": _replace_parts(part.parts, replacements)})
        if isinstance(part, ToolResultPart) and part.media
        else replacements.get(id(part), part)
        for part in parts
    )
