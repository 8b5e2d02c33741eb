"""What the replies of all services except chat have in common."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic import Field, SkipValidation

from budwood.types.record import JSON, Record
from budwood.types.usage import NO_PRICE, Adaptation, Answer, Attempt, Usage


class ServiceResponse(Answer, Record):
    """
    The reply of a service, with usage, cost and the requests that were sent for it.

    Attributes:
        usage: Tokens and other units; unknown counts are None.
        provider: The instance that replied; ``model`` is the model that the vendor reports.
        id: The vendor's id of the reply; ``request_id`` is that of the HTTP request.
        cost: US dollars, or None with the reason in ``cost_unknown``. From the cache, 0.
        cached: Whether the reply came from the cache, or from an equal call at the same time.
        saved: US dollars that the cache has saved; None if nothing, or if that is not known.
        attempts: Every request that was sent for this call.
        adaptations: Parameters that were not sent as passed.
        raw: The complete response body, unless it is media or was streamed.
    """

    usage: Usage = Usage.model_construct()
    provider: str = ""
    model: str = ""
    id: str | None = None
    request_id: str | None = None
    cost: Decimal | None = None
    cost_unknown: str | None = NO_PRICE
    cached: bool = False
    saved: Decimal | None = None
    attempts: tuple[Attempt, ...] = ()
    adaptations: tuple[Adaptation, ...] = ()
    raw: SkipValidation[JSON] = Field(default=None, repr=False)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the content before what all replies have; attempts are left out."""
        shown = list(super().__repr_args__())
        common = ServiceResponse.model_fields.keys()
        yield from (item for item in shown if item[0] not in common)
        yield from (item for item in shown if item[0] in common and item[0] != "attempts")
