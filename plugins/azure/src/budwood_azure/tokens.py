"""Choose the source of Entra tokens: the settings, a function of the user, or ``azure-identity``."""

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


def choose_token_source(settings: AzureSettings, *, instance: str) -> TokenSource | None:
    """
    Return the token source of the settings, or None if they use a key.

    Raises:
        ConfigurationError: ``identity`` is set, and ``azure-identity`` is not installed.
    """
    if settings.token is not None:
        token = AccessToken(secret=settings.token)
        return lambda: token
    if settings.token_source is not None:
        return _wrap_source(settings.token_source, settings.scope)
    if settings.identity:
        if not _is_installed("azure.identity"):
            raise ConfigurationError(
                f"{instance}: identity = true requires azure-identity, which is not installed.",
                hint="Install it: pip install azure-identity.",
            )
        return _Identity(settings.scope)
    return None


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is not installed
        return False


def _wrap_source(source: Any, scope: str) -> TokenSource:  # noqa: ANN401 - a function of the user, or a credential of Azure's
    """Return a function that calls the source and converts its token; it is async if the source is."""
    get: Callable[[], Any] = (lambda: source.get_token(scope)) if hasattr(source, "get_token") else source
    if not _is_async(source.get_token if hasattr(source, "get_token") else source):
        return lambda: parse_token(get())

    async def get_token() -> AccessToken:
        return parse_token(await get())

    return get_token


def _is_async(function: Callable[..., Any]) -> bool:
    called = getattr(function, "__call__", None)  # noqa: B004 - an object with async __call__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def parse_token(token: object) -> AccessToken:
    """
    Convert a token: a text, Budwood's `AccessToken`, or Azure's with ``token`` and ``expires_on``.

    Raises:
        TypeError: It is of another type.
    """
    if isinstance(token, AccessToken):
        return token
    if isinstance(token, str):
        return AccessToken.model_validate({"secret": token})
    secret, expires_on = getattr(token, "token", None), getattr(token, "expires_on", None)
    if isinstance(secret, str):
        return AccessToken.model_validate({"secret": secret, "expires_at": expires_on})
    raise TypeError(f"the token source returned a value of the type {type(token).__name__}, not a token")


class _Identity:
    """
    Microsoft's ``DefaultAzureCredential``, which tries the environment, a managed identity and the command line.

    It is imported at the first call, because the import is slow, and then reused.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._lock = threading.Lock()
        self._credential: Any = None

    def __call__(self) -> AccessToken:
        """Return a token."""
        with self._lock:
            if self._credential is None:
                module = importlib.import_module("azure.identity")
                self._credential = module.DefaultAzureCredential()
        return parse_token(self._credential.get_token(self._scope))
