"""
Signatures of reasoning.

Clients of the Messages API return a ``thinking`` block with its ``signature`` unchanged. For the reasoning of other
vendors the signature contains what that vendor needs back, so that it reaches it, and only it.
"""

from __future__ import annotations

from typing import Any, Final

from budwood.types import ReasoningPart
from budwood_server.formats.vendor_data import PREFIX, decode_vendor_data, encode_vendor_data

VENDOR: Final = "anthropic"


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
    return encode_vendor_data(part.provider, part.data)


def decode_thinking(block: dict[str, Any], text: str) -> ReasoningPart:
    """
    Return the reasoning of a block.

    Args:
        block: A block of the type ``thinking`` or ``redacted_thinking``.
        text: The text of its thinking.
    """
    signature = block.get("signature")
    if isinstance(signature, str) and signature.startswith(PREFIX):
        found = decode_vendor_data(signature)
        if found is None:  # it was changed on its way
            return ReasoningPart(text=text)
        return ReasoningPart(text=text, provider=found.provider, data=found.data)
    if not signature and block.get("type") == "thinking":
        return ReasoningPart(text=text)
    data = {name: value for name, value in block.items() if name != "thinking"}
    return ReasoningPart(text=text, provider=VENDOR, data=data)
