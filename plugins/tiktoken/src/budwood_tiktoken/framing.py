"""
The tokens that OpenAI's models add around the text of messages.

Chat models read ``<|start|>ROLE<|sep|>TEXT<|end|>`` for each message, then the start of their reply: three tokens and
the role per message, and three for the reply. Source: the OpenAI cookbook, "How to count tokens with tiktoken".
Reasoning models read one token less before the reply, and two more in each of their own messages, for the channel.
These counts, and the models they apply to, come from recorded requests.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from budwood.types import ChatRequest, TextPart


class Framing(NamedTuple):
    """
    The number of tokens around the text; a role is one token.

    Attributes:
        request: Tokens for the start of the reply.
        message: Tokens per message, including its role.
        assistant: Additional tokens per assistant message; None if unknown.
    """

    request: int
    message: int
    assistant: int | None


CHAT: Final = Framing(3, 4, 0)
REASONING: Final = Framing(2, 4, None)

_FRAMINGS: Final = {
    "gpt-3.5-turbo*": CHAT,
    "gpt-35-turbo*": CHAT,
    "gpt-4": CHAT,
    "gpt-4-*": CHAT,
    "gpt-4.1*": CHAT,
    "gpt-4o*": CHAT,
    "o1-mini*": CHAT,
    "o3*": REASONING,
    "o4*": REASONING,
    "gpt-5*": REASONING._replace(assistant=2),
}
"""The framing by model name pattern; the first match applies."""

_UNKNOWN_FRAMING: Final = (
    "*-audio*",
    "*-realtime*",
    "*-search*",
    "*-transcribe*",
    "*-tts*",
    "gpt-3.5-turbo-0301",
    "*-vision*",
)
"""Models whose framing differs from that of the models with similar names."""

_WITHOUT_TOKENS: Final = frozenset(
    "include logit_bias logprobs metadata moderation n prompt_cache_key prompt_cache_options "
    "prompt_cache_retention reasoning response_format safety_identifier service_tier store text top_logprobs user "
    "verbosity".split()
)
"""OpenAI parameters that add no input tokens, unless they contain a schema (see `is_exact`)."""


def framing_of(model: str) -> Framing | None:
    """Return the framing of a model, or None if it is unknown."""
    model = model.lower()
    if any(fnmatchcase(model, pattern) for pattern in _UNKNOWN_FRAMING):
        return None
    return next((framing for pattern, framing in _FRAMINGS.items() if fnmatchcase(model, pattern)), None)


def is_exact(request: ChatRequest, framing: Framing) -> bool:
    """Return whether the input of a request is only text, so that the count is exact."""
    if request.tools or request.vendor_tools or request.output_schema or not _WITHOUT_TOKENS.issuperset(request.extra):
        return False
    if any("schema" in str(request.extra.get(name)) for name in ("response_format", "text")):
        return False
    for message in request.messages:
        if message.name or not all(isinstance(part, TextPart) for part in message.parts):
            return False
        if message.role == "assistant" and framing.assistant is None:
            return False
    return True


def tokens_around(request: ChatRequest, framing: Framing) -> int:
    """Count the tokens around the messages of a request."""
    own = sum(message.role == "assistant" for message in request.messages)
    return framing.request + framing.message * len(request.messages) + (framing.assistant or 0) * own
