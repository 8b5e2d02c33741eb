"""What authors of providers can build on: base classes, classification of errors, model rules, checks."""

from typing import TYPE_CHECKING

from budwood.providing.addresses import parse_base_url, parse_url
from budwood.providing.base import BaseProvider
from budwood.providing.calls import INVALID_ARGUMENTS, call_id, calls_before, fit_call_id, has_invalid_arguments
from budwood.providing.failures import (
    ErrorCodes,
    VendorError,
    clip,
    describe_body,
    error_from_reply,
    find_message,
    missing_field,
    parse_body,
    parse_json,
    parse_object,
    require_text,
)
from budwood.providing.headers import duration, parse_count, parse_http_date, rate_limits, request_id, retry_after
from budwood.providing.images import InlineImage, inline_image
from budwood.providing.messages import characters, check_capabilities, check_messages, reject_parts
from budwood.providing.refusals import DROPPABLE, refused_parameter, refusing, rule_of
from budwood.providing.replacing import replacing, write_whole
from budwood.providing.rules import Parameters, adapted
from budwood.providing.tiers import reported_tier

if TYPE_CHECKING:
    from budwood.providing.events import events_of
    from budwood.providing.schemas import convert_once
    from budwood.providing.streaming import BaseStreamDecoder, Framer, is_end_mark, parse_chunk
    from budwood.providing.text_tokens import TokenEstimate, estimate_text
    from budwood.providing.tokens import estimate_request, estimate_tokens

_HOMES = {
    "BaseStreamDecoder": "streaming",
    "Framer": "streaming",
    "TokenEstimate": "text_tokens",
    "convert_once": "schemas",
    "estimate_request": "tokens",
    "estimate_text": "text_tokens",
    "estimate_tokens": "tokens",
    "events_of": "events",
    "is_end_mark": "streaming",
    "parse_chunk": "streaming",
}

__all__ = [
    "DROPPABLE",
    "INVALID_ARGUMENTS",
    "BaseProvider",
    "BaseStreamDecoder",
    "ErrorCodes",
    "Framer",
    "InlineImage",
    "Parameters",
    "TokenEstimate",
    "VendorError",
    "adapted",
    "call_id",
    "calls_before",
    "characters",
    "check_capabilities",
    "check_messages",
    "clip",
    "convert_once",
    "describe_body",
    "duration",
    "error_from_reply",
    "estimate_request",
    "estimate_text",
    "estimate_tokens",
    "events_of",
    "find_message",
    "fit_call_id",
    "has_invalid_arguments",
    "inline_image",
    "is_end_mark",
    "missing_field",
    "parse_base_url",
    "parse_body",
    "parse_chunk",
    "parse_count",
    "parse_http_date",
    "parse_json",
    "parse_object",
    "parse_url",
    "rate_limits",
    "refused_parameter",
    "refusing",
    "reject_parts",
    "replacing",
    "reported_tier",
    "request_id",
    "require_text",
    "retry_after",
    "rule_of",
    "write_whole",
]


def __getattr__(name: str) -> object:
    """Look up what only streams and counts need: it is not imported for a call that waits for a whole reply."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
