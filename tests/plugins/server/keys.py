"""Keys of tests for gateways that have no table of keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from budwood_server.access.keys import INFER, ApiKey


def make_key(name: str, **fields: Any) -> ApiKey:
    """
    Return a key that may use all models, unless its fields say otherwise.
    """
    return ApiKey(id=name, name=name, scopes=frozenset({INFER}), created=datetime(2026, 1, 1, tzinfo=UTC), **fields)


TOKEN = "bw_live_test_secret"
OTHER_TOKEN = "bw_live_other_secret"
KEY = make_key("test")
KEYS = {TOKEN: KEY, OTHER_TOKEN: make_key("other")}
"""The keys by their tokens."""
