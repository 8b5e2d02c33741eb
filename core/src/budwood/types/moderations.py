"""Moderations: texts and images in, what a vendor's policy says of them out."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field, SkipValidation

from budwood.types.parts import ImagePart, TextPart
from budwood.types.record import JSON, Record
from budwood.types.usage import NO_PRICE, Answer, Attempt, Usage


class ModerationRequest(Record):
    """
    Contents to be judged, each by itself: its texts and images together.

    ``model`` is the vendor's name for it; None leaves it to the vendor.
    """

    model: str | None = None
    contents: tuple[tuple[TextPart | ImagePart, ...], ...]
    extra: dict[str, JSON] = Field(default_factory=dict)


class Verdict(Record):
    """
    What was found in one content.

    Attributes:
        flagged: Whether it offends against the policy.
        categories: Whether it does so in each of the vendor's categories; None where a category was not looked at.
        scores: How sure the model is, from 0 to 1, by category.
        applied_to: What each category was looked for in: ``"text"``, ``"image"``; empty where the vendor does not say.
    """

    flagged: bool
    categories: dict[str, bool | None] = Field(default_factory=dict)
    scores: dict[str, float | None] = Field(default_factory=dict)
    applied_to: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class ModerationResponse(Answer, Record):
    """One verdict for each content, in their order; ``cost`` as in `ChatResponse`."""

    verdicts: tuple[Verdict, ...]
    usage: Usage = Usage.model_construct()
    provider: str = ""
    model: str = ""
    id: str | None = None
    request_id: str | None = None
    cost: Decimal | None = None
    cost_unknown: str | None = NO_PRICE
    attempts: tuple[Attempt, ...] = ()
    raw: SkipValidation[JSON] = Field(default=None, repr=False)

    @property
    def flagged(self) -> bool:
        """Whether any content offends."""
        return any(verdict.flagged for verdict in self.verdicts)
