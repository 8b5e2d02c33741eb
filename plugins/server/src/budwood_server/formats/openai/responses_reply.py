"""Encode replies as bodies of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from budwood_server.formats.openai.responses_items import Item, list_items

if TYPE_CHECKING:
    from budwood.types import ChatResponse, FinishReason, Usage
    from budwood_server.web.problems import Problem

_INCOMPLETE: Final[Mapping[str, str]] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Finish reasons of replies that end early, and the name of the API for them."""

_PARAMETERS: Final[Mapping[str, Any]] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""The fields of a reply that repeat the request, with their defaults."""


@dataclass(kw_only=True)
class ResponseForm:
    """
    What a reply says besides its content.

    Attributes:
        id: The id of the reply.
        created: Seconds since 1970.
        model: The name of the model.
        request: The body of the request.
        custom_tools: The names of tools that are custom ones for the client, and functions for the vendor.
        forwards: Whether the vendor has the same API: its own body is returned where there is one.
    """

    id: str
    created: int
    model: str
    request: Mapping[str, Any] = field(default_factory=dict)
    custom_tools: frozenset[str] = frozenset()
    forwards: bool = False

    def encode(self, response: ChatResponse) -> dict[str, Any]:
        """Return the body of a complete reply."""
        if self.forwards and isinstance(response.raw, dict) and isinstance(response.raw.get("output"), list):
            previous = self.request.get("previous_response_id")  # the vendor has another id for it
            return {**response.raw, "id": self.id} | ({"previous_response_id": previous} if previous else {})
        items = list_items(response.message, self.custom_tools, has_vendor_items=self.forwards)
        return self.encode_end(response, items)

    def encode_end(self, response: ChatResponse, items: list[Item]) -> dict[str, Any]:
        """Return the body of a reply that has ended."""
        reason = _INCOMPLETE.get(response.finish_reason)
        return self.make(
            find_status(response.finish_reason),
            items,
            model=response.model or self.model,
            incomplete_details={"reason": reason} if reason else None,
            usage=encode_usage(response.usage),
        )

    def make(self, status: str, items: list[Item], **fields: object) -> dict[str, Any]:
        """Return a body in a state."""
        passed = {name: self.request.get(name) for name in _PARAMETERS if self.request.get(name) is not None}
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": items,
            **_PARAMETERS,
            **passed,
            "usage": None,
            **fields,
        }

    def encode_failure(self, problem: Problem, items: list[Item]) -> dict[str, Any]:
        """Return the body of a reply that failed."""
        return self.make("failed", items, error={"code": find_error_code(problem), "message": problem.message})


def find_status(reason: FinishReason) -> str:
    """Return the status of a reply that has ended for a reason."""
    if reason == "error":
        return "failed"
    return "incomplete" if reason in _INCOMPLETE else "completed"


def find_error_code(problem: Problem) -> str:
    """Return the code of the API for a problem (``ResponseErrorCode``)."""
    if problem.status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if 400 <= problem.status < 500 else "server_error"


def encode_usage(usage: Usage) -> dict[str, Any] | None:
    """Return the tokens; None if they are not known."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    sent, received = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "input_tokens": sent,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "output_tokens": received,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": sent + received,
    }
