"""Rows that are kept in memory, up to a number."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(OrderedDict[K, V]):
    """
    A dictionary in which a new key takes the place of the first one when there is no room.

    Args:
        capacity: The maximum number of keys.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity

    def __setitem__(self, key: K, value: V) -> None:
        """Set a value."""
        super().__setitem__(key, value)
        if len(self) > self._capacity:
            self.popitem(last=False)
