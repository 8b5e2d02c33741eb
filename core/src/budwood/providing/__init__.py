"""What authors of providers can build on: base classes, classification of errors, model rules, checks."""

from typing import TYPE_CHECKING

from budwood.providing.base import BaseProvider
from budwood.providing.calls import call_id, calls_before
from budwood.providing.failures import (
    OPENAI_VOCABULARY,
    Complaint,
    Vocabulary,
    clip,
    describe_body,
    error_from_reply,
    parse_body,
    parse_object,
)
from budwood.providing.headers import duration, rate_limits, request_id, retry_after
from budwood.providing.images import USUAL_IMAGE_TYPES, ImageBytes, ImageLimits, check_images, image_bytes
from budwood.providing.messages import characters, check_capabilities, check_messages, check_text_output
from budwood.providing.refusals import DROPPABLE, nearest_effort, refused_parameter, refusing, rule_of
from budwood.providing.replacing import replacing, write_whole
from budwood.providing.rules import PARAMETERS, Parameters, adapted

if TYPE_CHECKING:
    from budwood.providing.events import events_of
    from budwood.providing.schemas import convert_once
    from budwood.providing.streaming import BaseStreamDecoder, Cutter, parse_piece
    from budwood.providing.text_tokens import TokenEstimate, estimate_text
    from budwood.providing.tokens import check_tokens, estimate_request, estimate_tokens

_HOMES = {
    "BaseStreamDecoder": "streaming",
    "Cutter": "streaming",
    "TokenEstimate": "text_tokens",
    "check_tokens": "tokens",
    "convert_once": "schemas",
    "estimate_request": "tokens",
    "estimate_text": "text_tokens",
    "estimate_tokens": "tokens",
    "events_of": "events",
    "parse_piece": "streaming",
}

__all__ = [
    "DROPPABLE",
    "OPENAI_VOCABULARY",
    "PARAMETERS",
    "USUAL_IMAGE_TYPES",
    "BaseProvider",
    "BaseStreamDecoder",
    "Complaint",
    "Cutter",
    "ImageBytes",
    "ImageLimits",
    "Parameters",
    "TokenEstimate",
    "Vocabulary",
    "adapted",
    "call_id",
    "calls_before",
    "characters",
    "check_capabilities",
    "check_images",
    "check_messages",
    "check_text_output",
    "check_tokens",
    "clip",
    "convert_once",
    "describe_body",
    "duration",
    "error_from_reply",
    "estimate_request",
    "estimate_text",
    "estimate_tokens",
    "events_of",
    "image_bytes",
    "nearest_effort",
    "parse_body",
    "parse_object",
    "parse_piece",
    "rate_limits",
    "refused_parameter",
    "refusing",
    "replacing",
    "request_id",
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
