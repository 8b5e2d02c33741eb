"""
The client of a server of Budwood: prompts, keys, telemetry and everything else under ``/api``.

Names are imported at their first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budwood_server.client.clients import AsyncGatewayClient, GatewayClient
    from budwood_server.client.errors import (
        APIError,
        AuthenticationError,
        BadResponseError,
        ConflictError,
        ConnectionFailedError,
        InvalidRequestError,
        NetworkError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        RequestTimeoutError,
        ServerError,
    )

__all__ = [
    "APIError",
    "AsyncGatewayClient",
    "AuthenticationError",
    "BadResponseError",
    "ConflictError",
    "ConnectionFailedError",
    "GatewayClient",
    "InvalidRequestError",
    "NetworkError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServerError",
]

_CLIENTS = ("AsyncGatewayClient", "GatewayClient")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'clients' if name in _CLIENTS else 'errors'}"), name)
