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
  . BudgetExceededError
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

Each class has one cause. The message says what happened, the hint what to do; `str()` returns both.
All errors can be pickled, and none contains a secret.
"""

from budwood.errors.base import (
    BudgetExceededError,
    BudwoodError,
    ConfigurationError,
    CredentialError,
    PromptError,
    StructuredOutputError,
    ToolLoopError,
    UnsupportedError,
)
from budwood.errors.plugins import (
    PluginConflictError,
    PluginDisabledError,
    PluginError,
    PluginFaultError,
    PluginIncompatibleError,
    PluginInvalidError,
    PluginLoadError,
    PluginNotFoundError,
)
from budwood.errors.providers import (
    AuthenticationError,
    BadResponseError,
    CapacityError,
    ConnectionFailedError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTimeoutError,
    ResponseTooLargeError,
    ServerError,
    StreamInterruptedError,
    UnsupportedParameterError,
)

__all__ = [
    "AuthenticationError",
    "BadResponseError",
    "BudgetExceededError",
    "BudwoodError",
    "CapacityError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentFilterError",
    "ContextLengthError",
    "CredentialError",
    "InvalidRequestError",
    "NotFoundError",
    "PermissionDeniedError",
    "PluginConflictError",
    "PluginDisabledError",
    "PluginError",
    "PluginFaultError",
    "PluginIncompatibleError",
    "PluginInvalidError",
    "PluginLoadError",
    "PluginNotFoundError",
    "PromptError",
    "ProviderError",
    "QuotaExhaustedError",
    "RateLimitError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "ServerError",
    "StreamInterruptedError",
    "StructuredOutputError",
    "ToolLoopError",
    "UnsupportedError",
    "UnsupportedParameterError",
]
