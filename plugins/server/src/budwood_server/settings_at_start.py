"""Settings that are read only at the start of the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import BaseModel

from budwood_server.settings import ServerSettings

AT_START: Final = (
    "host",
    "port",
    "workers",
    "worker_timeout",
    "database",
    "admin_key",
    "redis",
    "usage",
    "usage_retention_days",
    "events",
    "webhooks",
)
"""Their names. Of ``events`` and ``webhooks``, all settings are."""


def list_changed(old: ServerSettings, new: ServerSettings) -> Sequence[str]:
    """List the names of those that differ, such as ``"port"`` and ``"events.alerts_poll"``, without their values."""
    return [path for name in AT_START for path in _compare(name, getattr(old, name), getattr(new, name))]


def _compare(path: str, old: object, new: object) -> Iterator[str]:
    if old == new:
        return
    if not (isinstance(old, BaseModel) and isinstance(new, BaseModel)):
        yield path
        return
    for name in type(new).model_fields:
        yield from _compare(f"{path}.{name}", getattr(old, name), getattr(new, name))
