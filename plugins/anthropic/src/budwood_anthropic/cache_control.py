"""Prompt caching: encode cache marks as ``cache_control``."""

from __future__ import annotations

from typing import Any

from budwood.types import CacheLifetime


def encode_cache_control(cache: CacheLifetime) -> dict[str, str]:
    """Encode the lifetime of a cache mark; the vendor's default is five minutes."""
    return {"type": "ephemeral"} if cache == "default" else {"type": "ephemeral", "ttl": cache}


def with_cache_control(block: dict[str, Any], cache: CacheLifetime | None) -> dict[str, Any]:
    """Return a block with its cache mark, if it has one."""
    return block if cache is None else {**block, "cache_control": encode_cache_control(cache)}
