"""
What OpenAI's models read around the text of messages.

Chat models read ``<|start|>ROLE<|sep|>TEXT<|end|>`` for each message, and the beginning of their own: three tokens a
message and its role, and three for the reply. Source: the OpenAI cookbook, "How to count tokens with tiktoken". Models
that reason read one token less before the reply, and two more in each of their own messages, which name a channel;
these counts, and which models they hold for, are those of recorded requests.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from budwood.types import ChatRequest, TextPart


class Framing(NamedTuple):
    """
    Tokens around the text; a role is one token.

    Attributes:
        request: For the beginning of the reply.
        message: For each message, with its role.
        assistant: For each message of the model, besides; None where that is not known.
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
"""By patterns of names; of several that fit the first holds."""

_OF_THEIR_OWN: Final = (
    "*-audio*",
    "*-realtime*",
    "*-search*",
    "*-transcribe*",
    "*-tts*",
    "gpt-3.5-turbo-0301",
    "*-vision*",
)
"""Models that read more or less than their names promise."""

_UNREAD: Final = frozenset(
    "include logit_bias logprobs metadata moderation n prompt_cache_key prompt_cache_options "
    "prompt_cache_retention reasoning response_format safety_identifier service_tier store text top_logprobs user "
    "verbosity".split()
)
"""OpenAI's own parameters that put nothing before the model; a schema among them is no text alone (see `is_exact`)."""


def framing_of(model: str) -> Framing | None:
    """Return what a model reads around the text, or None where that is not known."""
    model = model.lower()
    if any(fnmatchcase(model, pattern) for pattern in _OF_THEIR_OWN):
        return None
    return next((framing for pattern, framing in _FRAMINGS.items() if fnmatchcase(model, pattern)), None)


def is_exact(request: ChatRequest, framing: Framing) -> bool:
    """Tell whether all that the model reads of a request is text that can be counted."""
    if request.tools or request.vendor_tools or request.output_schema or not _UNREAD.issuperset(request.extra):
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
