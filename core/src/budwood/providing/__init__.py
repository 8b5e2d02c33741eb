"""Helpers for providers: base classes, error classification, parameters, headers, checks and token estimates."""

from typing import TYPE_CHECKING

from budwood.atomic_files import open_output, replace_file, write_file_atomically
from budwood.providing.addresses import hide_secrets, parse_base_url, parse_url
from budwood.providing.base import BaseProvider
from budwood.providing.bodies import (
    clip,
    describe_body,
    encode_json,
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
from budwood.providing.media import InlineMedia, inline_media, media_url
from budwood.providing.messages import (
    DROPPED_CACHE_MARKS,
    INPUT_CAPABILITIES,
    check_capabilities,
    check_messages,
    count_characters,
    find_media,
    has_cache_marks,
    has_media,
    list_media,
    reject_parts,
)
from budwood.providing.parameters import FieldNames, Parameters, adapt_fields, adapt_parameters, drop_fields
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
    from budwood.providing.audio import make_wave_header, read_wave_seconds, repair_wave
    from budwood.providing.batches import (
        BatchSearch,
        create_batch,
        make_line_reply,
        upload_of_lines,
        wrap_body,
    )
    from budwood.providing.cells import ListedCells, ShuffledCycle
    from budwood.providing.events import make_events
    from budwood.providing.media_files import PARTS, check_content, make_media, name_file
    from budwood.providing.schemas import convert_once
    from budwood.providing.sizes import choose_nearest_ratio, parse_pixels, parse_ratio
    from budwood.providing.sniffing import (
        HEAD_BYTES,
        ImageSize,
        detect_media_type,
        has_media_type,
        is_text,
        media_kind,
        normalise_media_type,
        read_image_size,
        sniff_media_type,
    )
    from budwood.providing.stream_decoder import BaseEventDecoder, BaseStreamDecoder, Framer, is_end_mark, parse_chunk
    from budwood.providing.templates import PromptTemplate
    from budwood.providing.text_tokens import TokenEstimate, estimate_text
    from budwood.providing.tokens import estimate_request, estimate_tokens

_LAZY_MODULES = {
    "BatchSearch": "batches",
    "create_batch": "batches",
    "make_line_reply": "batches",
    "upload_of_lines": "batches",
    "wrap_body": "batches",
    "make_wave_header": "audio",
    "read_wave_seconds": "audio",
    "repair_wave": "audio",
    "PARTS": "media_files",
    "check_content": "media_files",
    "has_media_type": "sniffing",
    "make_media": "media_files",
    "name_file": "media_files",
    "choose_nearest_ratio": "sizes",
    "parse_pixels": "sizes",
    "parse_ratio": "sizes",
    "HEAD_BYTES": "sniffing",
    "ImageSize": "sniffing",
    "detect_media_type": "sniffing",
    "is_text": "sniffing",
    "media_kind": "sniffing",
    "normalise_media_type": "sniffing",
    "read_image_size": "sniffing",
    "sniff_media_type": "sniffing",
    "BaseEventDecoder": "stream_decoder",
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
    "HEAD_BYTES",
    "INPUT_CAPABILITIES",
    "INVALID_ARGUMENTS",
    "PARTS",
    "BaseEventDecoder",
    "BaseProvider",
    "BaseStreamDecoder",
    "BatchSearch",
    "ErrorCodes",
    "FieldNames",
    "Framer",
    "ImageSize",
    "Import lazily what only streams and token counts need.",
    "InlineMedia",
    "ListedCells",
    "Parameters",
    "PromptTemplate",
    "ShuffledCycle",
    "TokenEstimate",
    "VendorError",
    "adapt_fields",
    "adapt_parameters",
    "check_capabilities",
    "check_content",
    "check_messages",
    "choose_nearest_ratio",
    "classify_error",
    "clip",
    "convert_once",
    "count_characters",
    "count_tool_calls",
    "create_batch",
    "describe_body",
    "detect_media_type",
    "drop_fields",
    "encode_json",
    "estimate_request",
    "estimate_text",
    "estimate_tokens",
    "find_media",
    "find_message",
    "find_refused_parameter",
    "find_tier",
    "fit_call_id",
    "has_cache_marks",
    "has_further_fields",
    "has_invalid_arguments",
    "has_media",
    "has_media_type",
    "hide_secrets",
    "inline_media",
    "is_end_mark",
    "is_text",
    "list_media",
    "make_call_id",
    "make_events",
    "make_line_reply",
    "make_media",
    "make_missing_field_error",
    "make_refusal_rule",
    "make_rule",
    "make_wave_header",
    "media_kind",
    "media_url",
    "name_file",
    "normalise_media_type",
    "open_output",
    "parse_base_url",
    "parse_body",
    "parse_chunk",
    "parse_count",
    "parse_duration",
    "parse_http_date",
    "parse_id",
    "parse_json",
    "parse_object",
    "parse_pixels",
    "parse_rate_limits",
    "parse_ratio",
    "parse_request_id",
    "parse_retry_after",
    "parse_url",
    "read_image_size",
    "read_wave_seconds",
    "reject_parts",
    "repair_wave",
    "replace_file",
    "require_text",
    "sniff_media_type",
    "upload_of_lines",
    "wrap_body",
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
