"""Helpers for providers: base classes, error classification, parameters, headers, checks and token estimates."""

from typing import TYPE_CHECKING

from budwood.providing.addresses import parse_base_url, parse_url
from budwood.providing.atomic_files import replace_file, write_file_atomically
from budwood.providing.base import BaseProvider
from budwood.providing.bodies import (
    clip,
    describe_body,
    find_message,
    make_missing_field_error,
    parse_body,
    parse_id,
    parse_json,
    parse_object,
    require_text,
)
from budwood.providing.errors import ErrorCodes, VendorError, classify_error
from budwood.providing.headers import (
    parse_count,
    parse_duration,
    parse_http_date,
    parse_rate_limits,
    parse_request_id,
    parse_retry_after,
)
from budwood.providing.images import InlineImage, inline_image
from budwood.providing.messages import (
    DROPPED_CACHE_MARKS,
    check_capabilities,
    check_messages,
    count_characters,
    has_cache_marks,
    reject_parts,
)
from budwood.providing.parameters import Parameters, adapt_parameters
from budwood.providing.refusals import DROPPABLE, find_refused_parameter, make_refusal_rule, make_rule
from budwood.providing.tiers import find_tier
from budwood.providing.tool_calls import (
    DROPPED_CALL_FIELDS,
    INVALID_ARGUMENTS,
    count_tool_calls,
    fit_call_id,
    has_further_fields,
    has_invalid_arguments,
    make_call_id,
)

if TYPE_CHECKING:
    from budwood.providing.cells import ListedCells, ShuffledCycle
    from budwood.providing.events import make_events
    from budwood.providing.schemas import convert_once
    from budwood.providing.stream_decoder import BaseStreamDecoder, Framer, is_end_mark, parse_chunk
    from budwood.providing.templates import PromptTemplate
    from budwood.providing.text_tokens import TokenEstimate, estimate_text
    from budwood.providing.tokens import estimate_request, estimate_tokens

_LAZY_MODULES = {
    "BaseStreamDecoder": "stream_decoder",
    "ListedCells": "cells",
    "PromptTemplate": "templates",
    "ShuffledCycle": "cells",
    "Framer": "stream_decoder",
    "TokenEstimate": "text_tokens",
    "convert_once": "schemas",
    "estimate_request": "tokens",
    "estimate_text": "text_tokens",
    "estimate_tokens": "tokens",
    "make_events": "events",
    "is_end_mark": "stream_decoder",
    "parse_chunk": "stream_decoder",
}

__all__ = [
    "DROPPABLE",
    "DROPPED_CACHE_MARKS",
    "DROPPED_CALL_FIELDS",
    "INVALID_ARGUMENTS",
    "BaseProvider",
    "BaseStreamDecoder",
    "ErrorCodes",
    "Framer",
    "InlineImage",
    "ListedCells",
    "Parameters",
    "PromptTemplate",
    "ShuffledCycle",
    "TokenEstimate",
    "VendorError",
    "adapt_parameters",
    "check_capabilities",
    "check_messages",
    "classify_error",
    "clip",
    "convert_once",
    "count_characters",
    "count_tool_calls",
    "describe_body",
    "estimate_request",
    "estimate_text",
    "estimate_tokens",
    "find_message",
    "find_refused_parameter",
    "find_tier",
    "fit_call_id",
    "has_cache_marks",
    "has_further_fields",
    "has_invalid_arguments",
    "inline_image",
    "is_end_mark",
    "make_call_id",
    "make_events",
    "make_missing_field_error",
    "make_refusal_rule",
    "make_rule",
    "parse_base_url",
    "parse_body",
    "parse_chunk",
    "parse_count",
    "parse_duration",
    "parse_http_date",
    "parse_id",
    "parse_json",
    "parse_object",
    "parse_rate_limits",
    "parse_request_id",
    "parse_retry_after",
    "parse_url",
    "reject_parts",
    "replace_file",
    "require_text",
    "write_file_atomically",
]


def __getattr__(name: str) -> object:
    """Import lazily what only streams and token counts need."""
    module = _LAZY_MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
