"""Stored replies, as the JSON of cached values."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from pydantic import SerializeAsAny, SkipValidation

from budwood.providing.cached_values import CachedValue
from budwood.types import JSON, Answer, Record

if TYPE_CHECKING:
    from collections.abc import Hashable

R = TypeVar("R")

_OF_THE_CALL: Final = {"attempts", "messages", "parsed", "saved", "cost", "cost_unknown"}
"""Fields of a response that do not belong to the reply."""


class Stored(Record, Generic[R]):
    """
    A stored reply.

    Attributes:
        reply: The reply: a `Record`, or a number of tokens. That of a value is marked as cached.
        saved: What its request cost, in US dollars; None if that is not known.
        events: The events of a streamed reply, as `budwood.engine.caching.events` writes them.
    """

    reply: SerializeAsAny[R]
    saved: Decimal | None = None
    events: SkipValidation[list[JSON] | None] = None


def encode(stored: Stored[Any], fresh_until: float | None) -> CachedValue:
    """Return the value of a reply."""
    marked = stored.model_copy(update={"reply": mark_cached(stored.reply)})
    return CachedValue(fresh_until, marked.model_dump_json(exclude={"reply": _OF_THE_CALL}).encode())


def decode(value: CachedValue, kind: type[Any]) -> Stored[Any]:
    """
    Return the stored reply of a value.

    Raises:
        ValueError: It is of another type.
    """
    return _stored_type(cast("Hashable", kind)).model_validate_json(value.content)


def mark_cached(reply: Any) -> Any:  # noqa: ANN401 - the reply of any service
    """Return a reply with ``cached`` set, if it has that field."""
    is_answer = isinstance(reply, Answer)  # a token count is not
    return reply.model_copy(update={"cached": True}) if is_answer else reply


@cache
def _stored_type(kind: Any) -> type[Stored[Any]]:  # noqa: ANN401 - a type
    return Stored[kind]
