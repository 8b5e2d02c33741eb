"""Cache marks, in the vendor's form."""

from __future__ import annotations

from typing import Any

from budwood.types import CacheLifetime


def encode_mark(cache: CacheLifetime) -> dict[str, str]:
    """Write how long what stands before the mark is kept; the vendor's default is five minutes."""
    return {"type": "ephemeral"} if cache == "default" else {"type": "ephemeral", "ttl": cache}


def marked(block: dict[str, Any], cache: CacheLifetime | None) -> dict[str, Any]:
    """Put a mark on a block, where there is one."""
    return block if cache is None else {**block, "cache_control": encode_mark(cache)}
