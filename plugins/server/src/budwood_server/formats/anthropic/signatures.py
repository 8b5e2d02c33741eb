"""
Signatures of reasoning.

Clients of the Messages API return a ``thinking`` block with its ``signature`` unchanged. For the reasoning of other
vendors the signature contains what that vendor needs back, so that it reaches it, and only it.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from pydantic_core import from_json, to_json

from budwood.types import ReasoningPart

VENDOR: Final = "anthropic"

_PREFIX: Final = "budwood."
"""The start of our signatures; those of Anthropic are base64, which has no full stop."""


def encode_thinking(part: ReasoningPart) -> dict[str, Any]:
    """Return reasoning as a block."""
    if part.provider == VENDOR and isinstance(part.data, dict):
        kind = part.data.get("type", "thinking")
        return {"type": kind, **({"thinking": part.text} if kind == "thinking" else {}), **part.data}
    return {"type": "thinking", "thinking": part.text, "signature": encode_signature(part)}


def encode_signature(part: ReasoningPart) -> str:
    """Return the signature for reasoning of a vendor other than Anthropic; empty if it needs nothing back."""
    if part.provider is None and part.data is None:
        return ""
    data = to_json({"provider": part.provider, "data": part.data})
    return _PREFIX + base64.urlsafe_b64encode(data).decode()


def decode_thinking(block: dict[str, Any], text: str) -> ReasoningPart:
    """
    Return the reasoning of a block.

    Args:
        block: A block of the type ``thinking`` or ``redacted_thinking``.
        text: The text of its thinking.
    """
    signature = block.get("signature")
    if isinstance(signature, str) and signature.startswith(_PREFIX):
        try:
            value = from_json(base64.urlsafe_b64decode(signature.removeprefix(_PREFIX)))
            return ReasoningPart(text=text, provider=value["provider"], data=value["data"])
        except (ValueError, KeyError, TypeError):  # it was changed on its way
            return ReasoningPart(text=text)
    if not signature and block.get("type") == "thinking":
        return ReasoningPart(text=text)
    data = {name: value for name, value in block.items() if name != "thinking"}
    return ReasoningPart(text=text, provider=VENDOR, data=data)
