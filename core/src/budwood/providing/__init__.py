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
from budwood.providing.messages import characters, check_capabilities, check_messages
from budwood.providing.rules import PARAMETERS, Parameters, adapted

if TYPE_CHECKING:
    from budwood.providing.events import events_of
    from budwood.providing.text_tokens import TokenEstimate, estimate_text
    from budwood.providing.tokens import estimate_request, estimate_tokens

__all__ = [
    "OPENAI_VOCABULARY",
    "PARAMETERS",
    "BaseProvider",
    "Complaint",
    "Parameters",
    "TokenEstimate",
    "Vocabulary",
    "adapted",
    "call_id",
    "characters",
    "check_capabilities",
    "check_messages",
    "clip",
    "describe_body",
    "duration",
    "error_from_reply",
    "estimate_request",
    "estimate_text",
    "estimate_tokens",
    "events_of",
    "parse_body",
    "rate_limits",
    "request_id",
    "retry_after",
]


_WHERE = {
    "events_of": "events",
    "TokenEstimate": "text_tokens",
    "estimate_text": "text_tokens",
    "estimate_request": "tokens",
    "estimate_tokens": "tokens",
}


def __getattr__(name: str) -> object:
    """Look up what only some calls need: it is not imported for a call that waits for a whole reply."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
