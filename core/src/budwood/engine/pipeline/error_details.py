"""Complete an error of an attempt by what neither the plugin nor the transport knows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from budwood.errors import (
    AuthenticationError,
    CapacityError,
    NotFoundError,
    ProviderError,
    RateLimitError,
    RequestTimeoutError,
)
from budwood.providing import parse_request_id
from budwood.providing.errors import CHECK_KEY, LIST_MODELS
from budwood.wire.errors import deadline_error

if TYPE_CHECKING:
    from budwood.engine.pipeline.attempt import Attempt


def complete_error(attempt: Attempt, error: ProviderError) -> None:
    """
    Add what the error lacks.

    That is the request id, the seconds to wait, the timeout that was exceeded, where the missing key is set, or the
    provider whose models can be listed.
    """
    is_lost = error.request_id is None and error.status is None  # the connection was lost after the head
    if is_lost and attempt.head is not None:
        error.request_id = parse_request_id(attempt.head.headers)
    if isinstance(error, AuthenticationError):
        _name_key(attempt, error)
    elif isinstance(error, RateLimitError | CapacityError):
        if error.retry_after is not None and 0 < error.retry_after < math.inf and error.hint == type(error).hint:
            error.hint = (error.hint or "").replace("Retry later", f"Retry in {math.ceil(error.retry_after)} s", 1)
    elif isinstance(error, NotFoundError) and error.hint == LIST_MODELS:
        error.hint = LIST_MODELS.replace("PROVIDER", attempt.endpoint.name, 1)
    elif isinstance(error, RequestTimeoutError) and error.message == deadline_error().message:
        _set_message(error, deadline_error(attempt.round.call.options.timeout).message)


def _name_key(attempt: Attempt, error: AuthenticationError) -> None:
    """Say that no key was sent, and where to set one."""
    if attempt.endpoint.no_key_hint is not None and error.hint in (None, CHECK_KEY):
        error.hint = attempt.endpoint.no_key_hint()
        _set_message(error, error.message.replace("The credential was rejected", "The server requires a credential", 1))


def _set_message(error: ProviderError, message: str) -> None:
    error.message = message
    error.args = (message,)
