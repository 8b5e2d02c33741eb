"""The reasoning of models in rows, as the specification asks for it."""

from __future__ import annotations

import re
from typing import Final, Literal

ReasoningMode = Literal["drop", "field", "tags"]
"""
What happens to the reasoning of a model: it is dropped, kept in the field ``reasoning_content``, or put in front of the
answer as ``<think>…</think>``.
"""

REASONING: Final = "reasoning_content"
"""The field of messages and of structured rows for the reasoning of a model, as DeepSeek, vLLM and others name it."""

_TAG: Final = re.compile(r"</?think>", re.IGNORECASE)


def answer_message(answer: str, reasoning: str | None, mode: ReasoningMode) -> dict[str, str]:
    """Return the message with an answer."""
    message = {"role": "assistant", "content": answer}
    if reasoning and mode == "field":
        return {**message, REASONING: reasoning}
    if reasoning and mode == "tags":
        inside = _TAG.sub("", reasoning).strip()  # a tag within it would end the block
        return {**message, "content": f"<think>\n{inside}\n</think>\n\n{answer}"}
    return message


def value_fields(reasoning: str | None, mode: ReasoningMode) -> dict[str, str]:
    """Return the fields of a row that hold the reasoning of a structured value."""
    return {REASONING: reasoning} if reasoning and mode == "field" else {}
