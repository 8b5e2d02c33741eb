"""Placeholder."""

from __future__ import annotations


class Budget:
    """A budget."""
