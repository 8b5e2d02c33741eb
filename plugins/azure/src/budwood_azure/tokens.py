"""Where tokens of Entra come from: settings, functions of users, ``azure-identity``. None of it is called in here."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import threading
from collections.abc import Callable
from typing import Any

from budwood.contracts import TokenSource
from budwood.errors import ConfigurationError
from budwood.types import AccessToken
from budwood_azure.settings import AzureSettings


def source_of(settings: AzureSettings, *, instance: str) -> TokenSource | None:
    """
    Choose the source that the settings name; None where they name none.

    Raises:
        ConfigurationError: ``azure-identity`` is wanted and not installed.
    """
    if settings.token is not None:
        token = AccessToken(secret=settings.token)
        return lambda: token
    if settings.token_source is not None:
        return _adapted(settings.token_source, settings.scope)
    if settings.identity:
        if not _is_installed("azure.identity"):
            raise ConfigurationError(
                f"{instance}: identity = true needs azure-identity.", hint="pip install azure-identity"
            )
        return _Identity(settings.scope)
    return None


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even its parent
        return False


def _adapted(given: Any, scope: str) -> TokenSource:  # noqa: ANN401 - a function of the user, or a credential of Azure's
    """Have whatever the user gave return our tokens, in its own way of being called."""
    get: Callable[[], Any] = (lambda: given.get_token(scope)) if hasattr(given, "get_token") else given
    if not _is_async(given.get_token if hasattr(given, "get_token") else given):
        return lambda: token_of(get())

    async def awaited() -> AccessToken:
        return token_of(await get())

    return awaited


def _is_async(function: Callable[..., Any]) -> bool:
    called = getattr(function, "__call__", None)  # noqa: B004 - an object with async __call__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def token_of(given: object) -> AccessToken:
    """
    Read a token: ours, a text, or one of Azure's with ``token`` and ``expires_on``.

    Raises:
        TypeError: It is none of these.
    """
    if isinstance(given, AccessToken):
        return given
    if isinstance(given, str):
        return AccessToken.model_validate({"secret": given})
    token, expires_on = getattr(given, "token", None), getattr(given, "expires_on", None)
    if isinstance(token, str):
        return AccessToken.model_validate({"secret": token, "expires_at": expires_on})
    raise TypeError(f"the token source returned a {type(given).__name__}, which is no token")


class _Identity:
    """
    Microsoft's own search for a credential: environment, managed identity, command line.

    It is imported at the first call, which takes long, and keeps what it found.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._lock = threading.Lock()
        self._credential: Any = None

    def __call__(self) -> AccessToken:
        """Get a token."""
        with self._lock:
            if self._credential is None:
                module = importlib.import_module("azure.identity")
                self._credential = module.DefaultAzureCredential()
        return token_of(self._credential.get_token(self._scope))
