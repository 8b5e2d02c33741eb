"""
Every exception that Budwood raises, in one tree.

* BudwoodError
  . ConfigurationError
    - CredentialError
  . PluginError
    - PluginNotFoundError
    - PluginConflictError
    - PluginLoadError
    - PluginInvalidError
    - PluginIncompatibleError
    - PluginDisabledError
    - PluginFaultError
  . UnsupportedError
  . PromptError
  . StructuredOutputError
  . ToolLoopError
  . ProviderError
    - AuthenticationError
    - PermissionDeniedError
    - NotFoundError
    - InvalidRequestError
      > UnsupportedParameterError
      > ContextLengthError
    - ContentFilterError
    - RateLimitError
    - QuotaExhaustedError
    - CapacityError
    - ServerError
    - ConnectionFailedError
    - RequestTimeoutError
    - BadResponseError
      > ResponseTooLargeError
    - StreamInterruptedError

One class has one cause. The message says what happened and the hint what to do about it; `str()` gives both.
All can be pickled, and none ever holds a secret.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `import typing` costs 8 ms, and this module is read by everyone.
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal, Self

    from budwood.types import Attempt, ChatResponse, ModelRules, RateLimits

    TimeoutPhase = Literal["connect", "head", "read", "attempt", "deadline"]


class BudwoodError(Exception):
    """
    What all errors of Budwood have in common.

    Args:
        message: What happened, in one sentence.
        hint: What to do about it, in one sentence; by default what helps against most errors of the class, if anything.
    """

    hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        if self.hint is None:
            return self.message
        end = "" if self.message.endswith((".", "!", "?", "…", ":")) else "."  # vendors' texts often have none
        return f"{self.message}{end} {self.hint}"

    def __reduce__(self) -> tuple[Callable[..., BudwoodError], tuple[object, ...]]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[BudwoodError], args: tuple[object, ...], state: dict[str, object]) -> BudwoodError:
    """Make an error again from its pickled state, whatever its constructor asks for."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(BudwoodError):
    """Settings, arguments or files that cannot be used as they are."""


class CredentialError(ConfigurationError):
    """A key or token that is needed is not configured. Nothing was sent."""


class PluginError(BudwoodError):
    """A plugin cannot be used."""


class PluginNotFoundError(PluginError):
    """No installed distribution brings a plugin of that name."""


class PluginConflictError(PluginError):
    """Several distributions claim one name, and the settings name none of them."""


class PluginLoadError(PluginError):
    """The plugin's module raised when it was imported."""


class PluginInvalidError(PluginError):
    """The plugin was imported, but does not describe itself as the hooks demand."""


class PluginIncompatibleError(PluginError):
    """The plugin wants another version of Budwood or of its plugin API."""


class PluginDisabledError(PluginError):
    """The plugin is installed, and blocked by settings or by ``BUDWOOD_PLUGINS_DISABLED``."""


class PluginFaultError(PluginError):
    """
    A method of the plugin raised an error that it should not raise: a fault in the plugin.

    Attributes:
        plugin: The plugin's name.
        distribution: The distribution that contains it, and its ``version``; empty if unknown.
        method: The method that raised: ``encode``.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str,
        method: str,
        distribution: str = "",
        version: str = "",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.plugin = plugin
        self.distribution = distribution
        self.version = version
        self.method = method


class UnsupportedError(BudwoodError):
    """What was asked for is beyond this provider, model or plugin. Nothing was sent."""


class PromptError(BudwoodError):
    """The prompt, its messages or its files cannot be sent as they are. Nothing was sent."""


class StructuredOutputError(BudwoodError):
    """
    The model's last reply does not satisfy the schema, and the repairs are used up.

    Attributes:
        text: What the model wrote last.
        errors: What validation found wrong with it.
        response: The reply itself, with usage and attempts.
    """

    def __init__(
        self,
        message: str,
        *,
        text: str,
        errors: Sequence[str],
        response: ChatResponse | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.text = text
        self.errors = tuple(errors)
        self.response = response


class ToolLoopError(BudwoodError):
    """
    The model went on calling tools beyond ``max_tool_rounds``.

    Attributes:
        response: Its last reply, with the calls that were not executed.
    """

    def __init__(self, message: str, *, response: ChatResponse | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.response = response


class ProviderError(BudwoodError):
    """
    The call to a provider failed.

    Attributes:
        provider: The instance that was called, as in ``provider/model``.
        model: The model that was asked for.
        status: The HTTP status, where there was a reply.
        code: The vendor's own code or type of error.
        param: The field of our request at which the vendor took offence, or a place inside it: ``messages[0].role``.
        request_id: The vendor's id of the request, for its support.
        retry_after: Seconds that the vendor asks to wait.
        rate_limits: The limits that the reply's headers report.
        retryable: Whether the same call may succeed later.
        attempts: The call's ledger: each request that was sent before this error was given up on.
    """

    retryable: bool = False
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

    def located(self, provider: str, model: str) -> Self:
        """Note who was called, where whoever raised this could not know."""
        self.provider = self.provider or provider
        self.model = self.model or model
        return self

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.provider is None else f"{self.provider}: {text}"


class AuthenticationError(ProviderError):
    """The vendor does not accept the credential (401)."""


class PermissionDeniedError(ProviderError):
    """The credential is good, but not for this (403)."""


class NotFoundError(ProviderError):
    """The vendor knows no such model or address (404)."""


class InvalidRequestError(ProviderError):
    """The vendor refuses the request (400, 413, 422)."""

    hint: str | None = "Change what the vendor complains of; asking again as it is does not help."


class UnsupportedParameterError(InvalidRequestError):
    """
    The vendor refuses one parameter, named by ``param``.

    Attributes:
        rule: The row that the catalog lacks, with which the request would have been correct. None if it is unknown.
    """

    rule: ModelRules | None = None


class ContextLengthError(InvalidRequestError):
    """The messages are longer than the model's context window."""


class ContentFilterError(ProviderError):
    """
    The vendor's filter refused the prompt or the reply.

    Attributes:
        stage: ``"prompt"`` or ``"output"``.
        categories: What each category of the filter found, in the vendor's own form.
    """

    hint: str | None = "Say it in other words, or leave out what the filter takes offence at."

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
    """One's own rate limit is reached for now (429)."""

    hint: str | None = "Ask again later, or fewer things at once."
    retryable = True


class QuotaExhaustedError(ProviderError):
    """Credit or spending limit is used up: waiting does not help."""


class CapacityError(ProviderError):
    """The vendor is overloaded (429 for capacity, 498, 503, 529)."""

    hint: str | None = "Ask again later, or ask another model."
    retryable = True


class ServerError(ProviderError):
    """The vendor's server failed (other 5xx)."""

    hint: str | None = "Try again later."
    retryable = True

    def __str__(self) -> str:
        advice = " If it persists, report it to the vendor with the error's `request_id`."
        return super().__str__() + (advice if self.request_id and self.hint == ServerError.hint else "")


class ConnectionFailedError(ProviderError):
    """No connection, or one that broke."""

    retryable = True


class RequestTimeoutError(ProviderError):
    """
    The time allowed was used up.

    Attributes:
        phase: ``"connect"``, ``"head"`` (no response headers in time), ``"read"`` (no data for ``idle_timeout``),
            ``"attempt"`` (``attempt_timeout``) or ``"deadline"`` (``timeout``, after which nothing is retried).
    """

    retryable = True

    def __init__(self, message: str, *, phase: TimeoutPhase, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, retryable=phase != "deadline")
        self.phase = phase


class BadResponseError(ProviderError):
    """The reply is not what the API promises: HTML, broken JSON, a missing field."""

    hint: str | None = "Is base_url the address of the API, and nothing between (a proxy, a login page)?"


class ResponseTooLargeError(BadResponseError):
    """The reply is larger than is kept in memory."""

    hint: str | None = "Is base_url the address of the API? If it is, ask for less at once."


class StreamInterruptedError(ProviderError):
    """
    The stream ended before it was finished.

    Attributes:
        response: What had arrived, or None where nothing had.
    """

    hint: str | None = "Ask again. The error's attribute `response` holds the partial reply."
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
