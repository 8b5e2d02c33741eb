"""Whose calls are whose."""

from __future__ import annotations

from collections.abc import Mapping


def find_owner(tags: Mapping[str, str]) -> str | None:
    """Return the owner of the key of a call, as `ApiKey.owner` has it."""
    if "team" in tags:
        return f"team-{tags['team']}"
    key = tags.get("key")
    return key if key is None or key.startswith("account-") else f"key-{key}"
