"""What authors of providers can build on: a base class, classification of errors, model rules, checks."""

from typing import TYPE_CHECKING

from budwood.providing.base import BaseProvider
from budwood.providing.calls import call_id
from budwood.providing.failures import (
    OPENAI_VOCABULARY,
    Complaint,
    Vocabulary,
    clip,
    describe_body,
    error_from_reply,
    parse_body,
)
from budwood.providing.headers import duration, rate_limits, request_id, retry_after
from budwood.providing.messages import check_capabilities, check_messages
from budwood.providing.rules import PARAMETERS, Parameters, adapted
from budwood.providing.tokens import estimate_tokens

if TYPE_CHECKING:
    from budwood.providing.events import events_of

__all__ = [
    "OPENAI_VOCABULARY",
    "PARAMETERS",
    "BaseProvider",
    "Complaint",
    "Parameters",
    "Vocabulary",
    "adapted",
    "call_id",
    "check_capabilities",
    "check_messages",
    "clip",
    "describe_body",
    "duration",
    "error_from_reply",
    "estimate_tokens",
    "events_of",
    "parse_body",
    "rate_limits",
    "request_id",
    "retry_after",
]


def __getattr__(name: str) -> object:
    """Look up what only streams need: the events are not imported for a call that waits for a whole reply."""
    if name != "events_of":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from budwood.providing.events import events_of

    return events_of
