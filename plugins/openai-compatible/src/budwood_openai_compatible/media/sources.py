"""The sources from which the two APIs take media in messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from budwood.types import MediaKind
    from budwood_openai_compatible.responses import Api

_SOURCES: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("chat", "image"): frozenset({"inline", "url"}),
    ("chat", "audio"): frozenset({"inline"}),
    ("chat", "video"): frozenset({"inline", "url"}),
    ("chat", "document"): frozenset({"inline", "file"}),
    ("responses", "image"): frozenset({"inline", "url", "file"}),
    ("responses", "document"): frozenset({"inline", "url", "file"}),
}
"""By API and kind. Source: OpenAI's API description 2.3.0; vLLM's documentation, "Multimodal Inputs" (videos)."""


def find_sources(api: Api, kind: MediaKind) -> frozenset[str]:
    """Return the sources that an API takes for a kind of media; empty if it does not take the kind."""
    return _SOURCES.get((api, kind), frozenset())
