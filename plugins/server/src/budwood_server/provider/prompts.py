"""Prompts that the server keeps: the request to render one, and its reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budwood.types import Message, PromptRequest, RenderedPrompt, TextPart


def make_prompt_path(request: PromptRequest) -> str:
    """
    Return the path of the request to render a prompt.

    Raises:
        InvalidPromptError: The reference is not ``NAME``, ``NAME@LABEL`` or ``NAME@VERSION``.
    """
    from budwood_prompts import parse_reference  # few programs name prompts

    found = parse_reference(request.reference)
    at = found.label or found.version
    return f"/api/prompts/{found.name}/render{'' if at is None else f'?at={at}'}"


def decode_prompt(request: PromptRequest, body: Mapping[str, Any]) -> RenderedPrompt:
    """Decode the reply: the messages, and the number of the version."""
    messages = tuple(
        Message(role=message["role"], parts=(TextPart(text=message["content"]),)) for message in body["messages"]
    )
    name = request.reference.partition("@")[0]
    return RenderedPrompt(messages=messages, reference=f"{name}@{body['version']}")
