"""Choose between Chat Completions and Responses, by the request and the model."""

from __future__ import annotations

from typing import Final, Literal

from budwood.types import (
    AudioPart,
    ChatRequest,
    DocumentPart,
    ImagePart,
    MediaPart,
    ModelRules,
    Part,
    ReasoningPart,
    ToolResultPart,
    VendorPart,
    VendorTool,
)
from budwood_openai_compatible.responses.encoding import MISSING_PARAMETERS

Api = Literal["chat", "responses"]

ONLY_RESPONSES: Final = "responses_only"
"""Trait in the catalog: the model supports only Responses."""

TOOLS_IN_RESPONSES: Final = "tools_in_responses"
"""Trait in the catalog: if it reasons, the model calls tools only in Responses."""

_RESPONSES_FIELDS: Final = frozenset(
    {
        "background",
        "context_management",
        "conversation",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "previous_response_id",
        "prompt",
        "reasoning",
        "text",
        "truncation",
    }
)
"""Request fields that only Responses has (``CreateResponse``)."""

_CHAT_FIELDS: Final = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "messages",
        "modalities",
        "n",
        "prediction",
        "response_format",
        "verbosity",
        "web_search_options",
    }
)
"""Request fields that only Chat Completions has (``CreateChatCompletionRequest``)."""


_CHAT_CONTENT: Final = frozenset({"text", "image_url", "input_audio", "file", "video_url"})
"""Types of content parts that only Chat Completions has; ``video_url`` is vLLM's."""


def choose_api(request: ChatRequest, rules: ModelRules, *, vendor: str) -> Api:
    """
    Choose the API for a request. The choice depends only on the arguments, so it is the same for the reply.

    Responses is used for features that only it has, and for models that support nothing else. Otherwise Chat
    Completions is used for features that only it has. Otherwise Responses is used for tools of a reasoning model, and
    Chat Completions for all other requests.
    """
    if _needs_responses(request, vendor) or ONLY_RESPONSES in rules.traits:
        return "responses"
    if _needs_chat(request, vendor):
        return "chat"
    reasons = (request.reasoning_effort or rules.default_effort) != "none"
    return "responses" if request.tools and reasons and TOOLS_IN_RESPONSES in rules.traits else "chat"


def _needs_responses(request: ChatRequest, vendor: str) -> bool:
    return (
        not _RESPONSES_FIELDS.isdisjoint(request.extra)
        or any(tool.provider == vendor and not _is_tool_of_chat(tool) for tool in request.vendor_tools)
        or any(tool.extra for tool in request.tools)
        or any(_is_item(part, vendor) for message in request.messages for part in message.parts)
    )


def _needs_chat(request: ChatRequest, vendor: str) -> bool:
    return (
        not _CHAT_FIELDS.isdisjoint(request.extra)
        or any(getattr(request, name) not in (None, ()) for name in MISSING_PARAMETERS)
        or any(tool.provider == vendor for tool in request.vendor_tools)
        or any(_contains_audio(part) for message in request.messages for part in message.parts)
    )


def _is_tool_of_chat(tool: VendorTool) -> bool:
    """Return whether a tool is in the form of Chat Completions, which is nested one level deeper."""
    return isinstance(tool.data.get(str(tool.data.get("type"))), dict)


def _is_item(part: Part, vendor: str) -> bool:
    """Return whether a part can only be sent to Responses: an item, or a content part in its form."""
    if isinstance(part, MediaPart):
        return _is_media_of_responses(part, vendor)
    if not isinstance(part, ReasoningPart | VendorPart) or part.provider != vendor:
        return False
    kind = part.kind if isinstance(part, VendorPart) else "reasoning"
    return isinstance(part.data, dict) and part.data.get("type") == kind and kind not in _CHAT_CONTENT


def _contains_audio(part: Part) -> bool:
    """Return whether a part is audio, or the result of a tool with audio, which only Chat Completions takes."""
    if isinstance(part, ToolResultPart):
        return any(isinstance(media, AudioPart) for media in part.media)
    return isinstance(part, AudioPart)


def _is_media_of_responses(part: MediaPart, vendor: str) -> bool:
    """Return whether only Responses takes media: stored images, documents other than PDF, and those at a URL."""
    match part:
        case ImagePart():
            return part.file_id is not None or part.provider == vendor
        case DocumentPart():
            is_pdf = part.media_type in (None, "application/pdf")
            return (part.url is not None and not part.url.startswith("data:")) or not is_pdf
        case _:
            return False
