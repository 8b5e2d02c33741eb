"""
Reasoning that a server puts between tags before the text.

Amazon Bedrock does so for gpt-oss: ``<reasoning>A greeting.</reasoning>Hello``. In streams, each chunk of reasoning has
both tags. Source: traffic of bedrock-runtime in ``tests/integration/inference/recordings`` of llama-stack, d1b6632.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from budwood_openai_compatible.content import TAGGED_REASONING


def separate_reasoning(body: Mapping[str, Any], tag: str) -> dict[str, Any]:
    """Return a reply or a chunk whose reasoning is in content parts of its own."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        return dict(body)
    return {
        **body,
        "choices": [_separate_choice(choice, tag) if isinstance(choice, dict) else choice for choice in choices],
    }


def _separate_choice(choice: dict[str, Any], tag: str) -> dict[str, Any]:
    for name in ("delta", "message"):
        message = choice.get(name)
        if not isinstance(message, dict):
            continue
        content = message.get("content")
        if isinstance(content, str) and content.startswith(f"<{tag}>"):
            return {**choice, name: {**message, "content": list(_split(content, tag))}}
    return choice


def _split(content: str, tag: str) -> Iterator[dict[str, str]]:
    """Yield the reasoning before a text, and the text. Without the end tag, all is text."""
    start, end = f"<{tag}>", f"</{tag}>"
    while content.startswith(start) and end in content:
        reasoning, _, content = content.removeprefix(start).partition(end)
        yield {"type": TAGGED_REASONING, "text": reasoning}
    yield {"type": "text", "text": content}
