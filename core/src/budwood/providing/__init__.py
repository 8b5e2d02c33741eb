"""What authors of providers can build on: a base class, classification of errors, model rules, checks."""

from budwood.providing.base import BaseProvider
from budwood.providing.calls import call_id
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
from budwood.providing.refusals import DROPPABLE, nearest_effort, refused_parameter, refusing, rule_of
from budwood.providing.rules import PARAMETERS, Parameters, adapted
from budwood.providing.tokens import estimate_tokens

__all__ = [
    "DROPPABLE",
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
    "nearest_effort",
    "parse_body",
    "rate_limits",
    "refused_parameter",
    "refusing",
    "request_id",
    "retry_after",
    "rule_of",
]
