"""Moderation: classification of texts and images by the policy of a vendor."""

from __future__ import annotations

from pydantic import Field

from budwood.types.media import ImagePart
from budwood.types.parts import TextPart
from budwood.types.record import JSON, Record
from budwood.types.responses import ServiceResponse


class ModerationRequest(Record):
    """
    Contents to classify. Each content is classified separately, its texts and images together.

    ``model`` is the vendor's name of the model; None means the vendor's default.
    """

    model: str | None = None
    contents: tuple[tuple[TextPart | ImagePart, ...], ...]
    extra: dict[str, JSON] = Field(default_factory=dict)


class ModerationResult(Record):
    """
    The classification of one content.

    Attributes:
        flagged: Whether the content violates the policy.
        categories: Whether it violates each of the vendor's categories; None for a category that was not checked.
        scores: Confidence of the model, from 0 to 1, by category.
        applied_to: The inputs that each category was checked in: ``"text"``, ``"image"``; empty if not reported.
    """

    flagged: bool
    categories: dict[str, bool | None] = Field(default_factory=dict)
    scores: dict[str, float | None] = Field(default_factory=dict)
    applied_to: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class ModerationResponse(ServiceResponse):
    """One result for each content, in order."""

    results: tuple[ModerationResult, ...]

    @property
    def flagged(self) -> bool:
        """Whether any content violates the policy."""
        return any(result.flagged for result in self.results)
