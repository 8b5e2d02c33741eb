"""
Prices of media: tokens that are not text, characters of speech, and hours of audio.

Sources: OpenAI's API description 2.3.0 (``prompt_tokens_details``, ``input_tokens_details`` and the like), Gemini's
``ModalityTokenCount`` and, in google-genai 3.6.1, the usage of interactions; recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import isfinite
from typing import Final, Literal

from budwood.types.record import JSON
from budwood.types.usage import Cost, Usage

MediaPriceName = Literal[
    "input_audio", "cached_audio", "output_audio",
    "input_image", "cached_image", "output_image",
    "input_video", "cached_video", "output_video",
    "characters", "audio_hour",
]  # fmt: skip
"""What has a price: a million tokens of a kind in a direction, a million characters to speak, or an hour of audio."""

_INPUT: Final = frozenset(
    {
        "prompt_tokens_details",
        "input_tokens_details",
        "input_token_details",
        "promptTokensDetails",
        "toolUsePromptTokensDetails",
        "input_tokens_by_modality",
        "tool_use_tokens_by_modality",
    }
)
_OUTPUT: Final = frozenset(
    {"completion_tokens_details", "output_tokens_details", "candidatesTokensDetails", "output_tokens_by_modality"}
)
_CACHED: Final = frozenset({"cached_tokens_details", "cacheTokensDetails", "cached_tokens_by_modality"})
"""The vendors' names of what counts tokens by their kind."""

_KINDS: Final = ("audio", "image", "video")
_UNITS: Final[Mapping[MediaPriceName, tuple[str, int]]] = {
    "characters": ("characters", 1_000_000),
    "audio_hour": ("audio_seconds", 3600),
}
"""What is not counted in tokens: the count in `Usage`, and how many of these have the price."""


def count_media_tokens(raw: Mapping[str, JSON]) -> dict[str, int]:
    """Count the tokens of media in the vendor's usage, by names as in `MediaPriceName`; cached input is not input."""
    counts: dict[str, int] = {}
    for name, details in raw.items():
        direction = "input" if name in _INPUT else "output" if name in _OUTPUT else "cached" if name in _CACHED else ""
        if not direction:
            continue
        if isinstance(details, dict) and isinstance(inner := details.get("cached_tokens_details"), dict):
            _add(counts, "cached", inner)
        _add(counts, direction, details)
    for kind in _KINDS:
        if cached := counts.get(f"cached_{kind}"):
            counts[f"input_{kind}"] = max(counts.get(f"input_{kind}", 0) - cached, 0)
    return {name: count for name, count in counts.items() if count}


def _add(counts: dict[str, int], direction: str, details: JSON) -> None:
    for kind, count in _list_counts(details):
        counts[f"{direction}_{kind}"] = counts.get(f"{direction}_{kind}", 0) + count


def _list_counts(details: JSON) -> Iterator[tuple[str, int]]:
    rows = details if isinstance(details, list) else [details]
    for row in rows:
        if not isinstance(row, dict):
            continue
        kind, number = row.get("modality"), row.get("tokenCount", row.get("tokens"))
        if isinstance(kind, str) and isinstance(number, int) and kind.lower() in _KINDS:
            yield kind.lower(), number
        found = ((kind, row.get(f"{kind}_tokens")) for kind in _KINDS)
        yield from ((kind, count) for kind, count in found if isinstance(count, int))


def find_ambiguous_kind(counts: Mapping[str, int], usage: Usage) -> str | None:
    """Return a kind of input of which the vendor does not report how much was cached; None if there is none."""
    if not usage.cache_read_tokens or any(name.startswith("cached_") for name in counts):
        return None
    return next((name.removeprefix("input_") for name in counts if name.startswith("input_")), None)


def cost_of_units(usage: Usage, prices: Mapping[MediaPriceName, Decimal]) -> Cost | None:
    """Return the cost of characters and of hours of audio; None if the model has no prices of these."""
    rows = [
        (prices[name], getattr(usage, field), size, field) for name, (field, size) in _UNITS.items() if name in prices
    ]
    missing = next((field for _, count, _, field in rows if count is None or not isfinite(count)), None)
    if missing is not None:
        return Cost(None, f"the vendor reported no {missing.replace('_', ' ')}")
    return (
        Cost(sum((price * Decimal(str(count)) / size for price, count, size, _ in rows), Decimal(0))) if rows else None
    )
