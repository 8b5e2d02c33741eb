"""Errors of calls to providers."""

from __future__ import annotations

from budwood.errors.base import BudwoodError

TYPE_CHECKING = False  # `import typing` takes 8 ms, and every program imports this module.
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, Self

    from budwood.types import Attempt, ChatResponse, ModelRules, RateLimits

    TimeoutPhase = Literal["connect", "head", "read", "attempt", "deadline"]


class ProviderError(BudwoodError):
    """
    A call to a provider failed.

    Attributes:
        provider: The provider instance, as in ``provider/model``.
        model: The requested model.
        status: The HTTP status; None if there was no response.
        code: The vendor's error code or error type.
        param: The field of our request that the vendor rejected, or a place inside it: ``messages[0].role``.
        request_id: The vendor's id of the request, for its support.
        retry_after: Seconds that the vendor asks to wait.
        rate_limits: The limits that the response headers report.
        retryable: Whether the same call may succeed later.
        may_be_accepted: Whether the server may have created what the call asks for, such as a job, although it failed.
            The call is not repeated, since that could be paid twice.
        attempts: Every request of the call, in order.
    """

    retryable: bool = False
    may_be_accepted: bool = False
    rate_limits: RateLimits | None = None
    attempts: tuple[Attempt, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.model = model
        self.status = status
        self.code = code
        self.param = param
        self.request_id = request_id
        self.retry_after = retry_after
        if retryable is not None:
            self.retryable = retryable

    def add_target(self, provider: str, model: str) -> Self:
        """Add the provider and the model, unless the error has them. Returns the error."""
        self.provider = self.provider or provider
        self.model = self.model or model
        return self

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.provider is None else f"{self.provider}: {text}"


class AuthenticationError(ProviderError):
    """The vendor rejected the credential (401)."""


class PermissionDeniedError(ProviderError):
    """The credential is valid, but does not permit this request (403)."""


class NotFoundError(ProviderError):
    """The model or the address does not exist (404)."""


class InvalidRequestError(ProviderError):
    """The vendor rejected the request (400, 413, 422)."""

    hint: str | None = "Correct the request. Sending it again unchanged fails again."


class UnsupportedParameterError(InvalidRequestError):
    """
    The vendor rejected a parameter, named by ``param``.

    Attributes:
        rule: The catalog row that would have made the request valid. None if it is unknown.
    """

    rule: ModelRules | None = None


class ContextLengthError(InvalidRequestError):
    """The messages exceed the context window of the model."""


class ContentFilterError(ProviderError):
    """
    The vendor's content filter blocked the prompt or the reply.

    Attributes:
        stage: ``"prompt"`` or ``"output"``.
        categories: The result of each category of the filter, in the vendor's format.
    """

    hint: str | None = "Rephrase the prompt or remove the flagged content."

    def __init__(
        self,
        message: str,
        *,
        stage: Literal["prompt", "output"] = "prompt",
        categories: Mapping[str, object] | None = None,
        hint: str | None = None,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, status=status, code=code, param=param, request_id=request_id)
        self.stage = stage
        self.categories = dict(categories or {})


class RateLimitError(ProviderError):
    """
    The account's rate limit is reached (429).

    If all of several keys are limited, nothing is sent: ``code`` is ``"no_key"``, and ``retry_after`` says when the
    first one is ready.
    """

    hint: str | None = "Retry later, or send fewer requests at a time."
    retryable = True


class QuotaExhaustedError(ProviderError):
    """The credit or the spending limit is used up (402, or by the code of the error). Waiting does not help."""


class CapacityError(ProviderError):
    """The vendor is overloaded (429 for capacity, 498, 503, 529)."""

    hint: str | None = "Retry later, or use another model."
    retryable = True


class ServerError(ProviderError):
    """The vendor's server failed (any other 5xx)."""

    hint: str | None = "Retry later."
    retryable = True

    def __str__(self) -> str:
        advice = " If it persists, report it to the vendor with the error's `request_id`."
        return super().__str__() + (advice if self.request_id and self.hint == ServerError.hint else "")


class ConnectionFailedError(ProviderError):
    """
    The connection could not be opened, or was lost.

    Attributes:
        is_unsent: Whether it is certain that the request did not reach the server.
    """

    retryable = True
    is_unsent: bool = False


class RequestTimeoutError(ProviderError):
    """
    The call, or a part of it, took too long.

    Attributes:
        phase: ``"connect"``, ``"head"`` (no response headers in time), ``"read"`` (no data for ``idle_timeout``),
            ``"attempt"`` (``attempt_timeout``) or ``"deadline"`` (``timeout``, after which nothing is retried).
    """

    retryable = True

    def __init__(self, message: str, *, phase: TimeoutPhase, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, retryable=phase != "deadline")
        self.phase = phase


class BadResponseError(ProviderError):
    """The response is not in the format of the API: HTML, invalid JSON, a missing field."""

    hint: str | None = "Check that base_url is the address of the API, and that no proxy or login page answers instead."


class ResponseTooLargeError(BadResponseError):
    """The response exceeds the size limit of responses in memory."""

    hint: str | None = "Check that base_url is the address of the API. If it is, request less at a time."


class StreamInterruptedError(ProviderError):
    """
    The stream ended before the reply was complete.

    Attributes:
        response: The partial reply; None if nothing had arrived.
    """

    hint: str | None = "Retry. The attribute `response` of the error holds the partial reply."
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        response: ChatResponse | None = None,
        hint: str | None = None,
        code: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code, retryable=retryable)
        self.response = response


class JobFailedError(ProviderError):
    """A long job has no result: it failed, expired, was cancelled, or has not ended."""


class BatchItemError(ProviderError):
    """
    A request of a batch has no reply. It can be submitted again.

    Attributes:
        reason: ``"cancelled"``, ``"expired"``, ``"failed"``, ``"missing"`` (the batch has ended without it),
            ``"lost"`` (the vendor does not have the batch), or ``"unsent"`` (it was not submitted).
    """

    reason: str = "failed"
