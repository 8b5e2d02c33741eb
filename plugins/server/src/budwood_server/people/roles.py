"""What accounts and keys may do under ``/api``: scopes of routes, and the scopes of each role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from budwood_server.access.keys import ADMIN, INFER, PROMPTS, SCOPES, TELEMETRY, TEXTS, WEBHOOKS

KEYS_READ: Final = "keys:read"
KEYS_WRITE: Final = "keys:write"
"""Create, rotate and revoke keys. Without `ADMIN`, only keys whose scopes are within ``{INFER}``."""

PROMPTS_READ: Final = "prompts:read"
PROMPTS_RENDER: Final = "prompts:render"
"""Get the messages of a prompt for given values, as calls with its name do."""

PROMPTS_WRITE: Final = "prompts:write"
RUNS_READ: Final = "runs:read"
RUNS_WRITE: Final = "runs:write"
ENDPOINTS_READ: Final = "endpoints:read"
EVENTS_READ: Final = "events:read"
"""List events, of those types that the other scopes let one see."""

WEBHOOKS_READ: Final = "webhooks:read"
WEBHOOKS_WRITE: Final = "webhooks:write"

Role = Literal["viewer", "operator", "admin"]

_READ: Final = frozenset(
    {
        KEYS_READ,
        PROMPTS_READ,
        PROMPTS_RENDER,
        RUNS_READ,
        ENDPOINTS_READ,
        EVENTS_READ,
        WEBHOOKS_READ,
        TELEMETRY,
    }
)
_OPERATE: Final = _READ | {INFER, PROMPTS, PROMPTS_WRITE, RUNS_WRITE, KEYS_WRITE, WEBHOOKS_WRITE}

ROLES: Final[Mapping[Role, frozenset[str]]] = {
    "viewer": _READ,
    "operator": _OPERATE,
    "admin": _OPERATE | {ADMIN, TEXTS},
}
"""The scopes of each role."""

_OF_KEYS: Final[Mapping[str, frozenset[str]]] = {
    INFER: frozenset({PROMPTS_RENDER, RUNS_READ, RUNS_WRITE, EVENTS_READ}),
    PROMPTS: frozenset({PROMPTS_READ, PROMPTS_RENDER, PROMPTS_WRITE, EVENTS_READ}),
    TELEMETRY: frozenset({ENDPOINTS_READ, EVENTS_READ}),
    WEBHOOKS: frozenset({EVENTS_READ, WEBHOOKS_READ, WEBHOOKS_WRITE}),
    ADMIN: (_READ - {TELEMETRY}) | {KEYS_WRITE, PROMPTS_WRITE, WEBHOOKS_WRITE},
}
"""The scopes of routes that a scope of a key includes."""


def expand_scopes(scopes: frozenset[str]) -> frozenset[str]:
    """Return the scopes of a key with those that they include."""
    return scopes.union(*(_OF_KEYS.get(scope, frozenset()) for scope in scopes))


def list_roles(scope: str) -> Sequence[Role]:
    """List the roles with a scope of routes, the one that may do least first."""
    return [role for role, scopes in ROLES.items() if scope in scopes]


def list_key_scopes(scope: str) -> Sequence[str]:
    """List the scopes of keys that include a scope of routes, the one that permits least first."""
    return [own for own in SCOPES if scope in expand_scopes(frozenset({own}))]
