"""Placeholder."""

from __future__ import annotations


class Route:
    """The endpoints that a call may use."""
