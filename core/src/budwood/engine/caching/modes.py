"""How a call uses the cache of its client."""

from __future__ import annotations

from typing import Final, Literal

CacheMode = Literal["use", "fresh", "refresh", "only"]
"""
Whether a call reads the cache and stores its reply; does not use stale replies; only stores its reply; or only reads
the cache.
"""

MODES: Final = ("fresh", "refresh", "only")
"""The values of ``cache=`` of a call besides True and False."""
