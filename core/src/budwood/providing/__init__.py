"""What authors of providers can build on: a base class, classification of errors, model rules, checks."""

from budwood.providing.base import BaseProvider
from budwood.providing.calls import call_id, calls_before
from budwood.providing.events import events_of
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
from budwood.providing.replacing import replacing
from budwood.providing.rules import PARAMETERS, Parameters, adapted
from budwood.providing.tokens import estimate_tokens

__all__ = [
    "OPENAI_VOCABULARY",
    "PARAMETERS",
    "BaseProvider",
    "Complaint",
    "Parameters",
    "Vocabulary",
    "adapted",
    "call_id",
    "calls_before",
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
    "replacing",
    "request_id",
    "retry_after",
]
