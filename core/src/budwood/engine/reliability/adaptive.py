"""Placeholder."""

from __future__ import annotations


class AdaptiveLimit:
    """A limit of concurrent attempts."""
