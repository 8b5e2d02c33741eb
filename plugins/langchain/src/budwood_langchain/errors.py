"""
Budwood's errors that are also LangChain's errors for the same cause.

Each has the name of its class in `budwood.errors`, and is caught as either. LangChain's agents react to some of them:
they summarize a conversation that exceeds the context window.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from langchain_core import exceptions

from budwood import errors


class AuthenticationError(errors.AuthenticationError, exceptions.ModelAuthenticationError):
    """The server rejected the key."""


class PermissionDeniedError(errors.PermissionDeniedError, exceptions.ModelPermissionDeniedError):
    """The key may not do this."""


class NotFoundError(errors.NotFoundError, exceptions.ModelNotFoundError):
    """There is no such model."""


class InvalidRequestError(errors.InvalidRequestError, exceptions.ModelInvalidRequestError):
    """The server rejected the request."""


class ContextLengthError(errors.ContextLengthError, exceptions.ContextOverflowError):
    """The messages exceed the context window of the model."""


class RateLimitError(errors.RateLimitError, exceptions.ModelRateLimitError):
    """A rate limit is exceeded."""


class ServerError(errors.ServerError, exceptions.ModelAPIError):
    """The server failed."""


class ConnectionFailedError(errors.ConnectionFailedError, exceptions.ModelConnectionError):
    """The server could not be reached."""


class RequestTimeoutError(errors.RequestTimeoutError, exceptions.ModelTimeoutError):
    """The call took too long."""


_TWINS: Final[dict[type[errors.BudwoodError], type[errors.BudwoodError]]] = {
    twin.__mro__[1]: twin
    for twin in (
        AuthenticationError,
        PermissionDeniedError,
        NotFoundError,
        InvalidRequestError,
        ContextLengthError,
        RateLimitError,
        ServerError,
        ConnectionFailedError,
        RequestTimeoutError,
    )
}


@contextmanager
def langchain_errors() -> Iterator[None]:
    """Raise an error of Budwood as the class here that is LangChain's too, if there is one."""
    try:
        yield
    except errors.BudwoodError as error:
        twin = _TWINS.get(type(error))
        if twin is None:
            raise
        raised = twin.__new__(twin, *error.args)
        raised.args = error.args
        raised.__dict__.update(error.__dict__)
        raise raised.with_traceback(error.__traceback__) from error.__cause__
