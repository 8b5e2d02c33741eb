"""Placeholder."""

from __future__ import annotations


class KeyPool:
    """A pool of keys."""
